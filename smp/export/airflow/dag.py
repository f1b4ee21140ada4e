"""Writes a compiled pipeline as a DAG file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import APPROVED_MODEL, CONDITION
from smp.export.airflow.arrows import arrows, chains, is_guarded
from smp.export.airflow.checks import check_dag
from smp.export.airflow.constants import Constants
from smp.export.airflow.header import dag_call
from smp.export.airflow.runtime_files import LOOKUP, RUNTIME, exported_names, runtime_files
from smp.export.airflow.source import WIDTH, Names, lines
from smp.export.airflow.tasks import TaskSource
from smp.export.workflow import Workflow, read_workflow

ORIGIN = (
    "Written by `smp export airflow {name}`; what is changed here is lost. Change the "
    "model and export it again. {beside} and {name}_values.json belong beside this file."
)


def render_dag(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return the text of each file of a DAG by its path in the directory of DAGs.

    Raises ExportError with all that the DAG cannot express.
    """
    workflow = read_workflow(compiled)
    check_dag(compiled, workflow)
    has_lookup = any(task.type is APPROVED_MODEL for task in workflow.tasks)
    return {
        f"{compiled.name}.py": "\n".join(_dag_lines(compiled, workflow, has_lookup)) + "\n",
        **runtime_files(has_lookup),
    }


def _dag_lines(compiled: CompiledPipeline, workflow: Workflow, has_lookup: bool) -> Iterator[str]:
    constants = Constants(workflow)
    variables = Names(("dag", "context"))
    names = {task.name: variables.take(task.name) for task in workflow.tasks}
    source = TaskSource(workflow, constants, names)
    tasks = [line for task in workflow.tasks for line in ("", *source.task(task))]
    made = dag_call(compiled, workflow.parameters, constants.expressions)
    header = list(lines(made, "with ", " as dag:"))
    flow = list(_flow(workflow, names))
    body = [*header, *tasks[1:], *flow]
    beside = f"{RUNTIME}, {LOOKUP}" if has_lookup else RUNTIME
    yield from _head(compiled, beside)
    yield from _imports(body, constants)
    for block in constants.blocks():
        yield ""
        yield from block
    yield ""
    yield from body


def _head(compiled: CompiledPipeline, beside: str) -> Iterator[str]:
    """Yield the docstring of the file, which the web interface shows as well."""
    title = " ".join((compiled.description or f"The pipeline {compiled.name}.").split())
    safe = title.replace("\\", "\\\\").replace('"', "'")
    origin = ORIGIN.format(name=compiled.name, beside=beside)
    first, *rest = textwrap.wrap(f'"""{safe}', WIDTH)
    yield from (first, *rest, "", *textwrap.wrap(origin, WIDTH), '"""')


def _imports(body: Sequence[str], constants: Constants) -> Iterator[str]:
    """Yield imports of what the rest names."""
    text = "\n".join([*body, *(line for block in constants.blocks() for line in block)])
    if "timedelta(" in text:
        yield from ("", "from datetime import timedelta")
    if "pendulum." in text:
        yield from ("", "import pendulum")
    used = [name for name in exported_names() if re.search(rf"\b{name}\(|@{name}\.", text)]
    yield from ("", "from smp_airflow import (", *(f"    {name}," for name in used), ")")


def _flow(workflow: Workflow, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what comes after what."""
    after = arrows(workflow)
    found = [
        " >> ".join(
            [
                *(names[name] for name in chain),
                *([f"[{', '.join(names[name] for name in last)}]"] if last else []),
            ]
        )
        for chain, last in chains(after)
    ]
    if found:
        yield ""
    for text in found:
        yield from _folded(text)
    if any(is_guarded(task) for task in workflow.tasks):
        # Not the branches: one that takes no step would skip the last task as well.
        everything = [names[task.name] for task in workflow.tasks if task.type is not CONDITION]
        yield ""
        whole = f"    [{', '.join(everything)}] >> any_failure()"
        if len(whole) <= WIDTH:
            yield whole
        else:
            yield from (
                "    [",
                *(f"        {name}," for name in everything),
                "    ] >> any_failure()",
            )


def _folded(chain: str) -> Iterator[str]:
    """Yield a chain, over several statements where it is too long for a line."""
    parts = chain.split(" >> ")
    line = f"    {parts[0]}"
    for before, part in pairwise(parts):
        if len(f"{line} >> {part}") > WIDTH and line != f"    {before}":
            yield line
            line = f"    {before}"
        line = f"{line} >> {part}"
    yield line
