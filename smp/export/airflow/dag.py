"""Writes a compiled pipeline as a DAG file."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import APPROVED_MODEL, CONDITION
from smp.export.airflow.arrows import Arrows, arrows, chains, entries, is_guarded
from smp.export.airflow.checks import check_dag
from smp.export.airflow.conditions import Question
from smp.export.airflow.constants import Constants
from smp.export.airflow.expressions import Expressions
from smp.export.airflow.job_names import job_bases
from smp.export.airflow.runtime_files import LOOKUP, RUNTIME, exported_names, runtime_files
from smp.export.airflow.schedule import (
    FIRST_DAY,
    DagSchedule,
    read_schedule,
    schedule_triggers,
)
from smp.export.airflow.source import (
    INDENT,
    WIDTH,
    Group,
    Names,
    Node,
    call,
    lines,
    literal,
    mapping,
    sequence,
)
from smp.export.airflow.step_types import Branch, Operator, dag_step
from smp.export.workflow import Parameter, Task, Workflow, read_workflow

ORIGIN = (
    "Written by `smp export airflow {name}`; what is changed here is lost. Change the "
    "model and export it again. {beside} and {name}_values.json belong beside this file."
)


STEP, SIDE_OF = "step_", "side_of_"
"""What the variables of tasks and the functions of conditions begin with; nothing else in the file does."""


def render_steps_dag(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return the text of each file of a DAG that runs the steps, by its path in the directory of DAGs.

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
    variables = Names(STEP)
    names = {task.name: variables.take(task.name) for task in workflow.tasks}
    source = TaskSource(workflow, constants, names)
    tasks = [line for task in workflow.tasks for line in ("", *source.task(task))]
    most = compiled.max_parallel_steps
    made = dag_call(compiled, workflow.parameters, constants.expressions, most)
    header = list(lines(made, "with ", " as dag:"))
    flow = list(_flow(workflow, names))
    body = [*header, *tasks[1:], *flow]
    beside = f"{RUNTIME}, {LOOKUP}" if has_lookup else RUNTIME
    yield from dag_file(compiled, constants, body, beside, (RUNTIME,))


def dag_file(
    compiled: CompiledPipeline,
    constants: Constants,
    body: Sequence[str],
    beside: str,
    modules: Sequence[str],
) -> Iterator[str]:
    """Yield the lines of a DAG file; `modules` are the files of the runtime whose names it may use."""
    yield from _head(compiled, beside)
    yield from _imports(body, constants, modules)
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


def _imports(body: Sequence[str], constants: Constants, modules: Sequence[str]) -> Iterator[str]:
    """Yield imports of what the rest names."""
    text = "\n".join([*body, *(line for block in constants.blocks() for line in block)])
    if "timedelta(" in text:
        yield from ("", "from datetime import timedelta")
    if "pendulum." in text:
        yield from ("", "import pendulum")
    yield ""
    for module in modules:
        names = exported_names(module)
        used = [name for name in names if re.search(rf"\b{name}\(|@{name}\.", text)]
        line = f"from {module.removesuffix('.py')} import {', '.join(used)}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield from (
                f"{line.partition(' import ')[0]} import (",
                *(f"    {name}," for name in used),
                ")",
            )


def _flow(workflow: Workflow, names: Mapping[str, str]) -> Iterator[str]:
    """Yield what comes after what."""
    yield from flow_lines(arrows(workflow), names)
    if any(is_guarded(task) for task in workflow.tasks):
        # Not the branches: one that takes no step would skip the last task as well.
        everything = [names[task.name] for task in workflow.tasks if task.type is not CONDITION]
        yield ""
        yield from lines(sequence(everything), suffix=" >> any_failure()", indent=INDENT)


def flow_lines(after: Arrows, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the arrows between tasks, whose variables `names` has."""
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


def _folded(chain: str) -> Iterator[str]:
    """Yield a chain, over several statements where it is too long for a line."""
    parts = chain.split(" >> ")
    line = f"    {parts[0]}"
    for before, part in pairwise(parts):
        if len(f"{line} >> {part}") > WIDTH and line != f"    {before}":
            yield line
            line = f"    {before}"
        line = f"{line} >> {part}"
    if len(line) <= WIDTH or not line.endswith("]"):
        yield line
        return
    first, _, items = line.removesuffix("]").partition(" >> [")
    yield from (f"{first} >> [", *(f"        {item}," for item in items.split(", ")), "    ]")


JSON_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}


def dag_call(
    compiled: CompiledPipeline,
    parameters: Sequence[Parameter],
    expressions: Expressions,
    most_tasks: int | None,
) -> Group:
    """Return the call that makes the DAG."""
    schedules = schedule_triggers(compiled)
    schedule = read_schedule(schedules[0]) if schedules else None
    named: dict[str, Node] = {"dag_id": literal(compiled.name)}
    if compiled.display_name:
        named["dag_display_name"] = literal(compiled.display_name)
    if compiled.description:
        named["description"] = literal(compiled.description)
    named["doc_md"] = "__doc__"
    named |= _times(schedule)
    if most_tasks:
        named["max_active_tasks"] = literal(most_tasks)
    named |= _parameters(parameters, schedule, expressions)
    if compiled.tags:
        named["tags"] = sequence(literal(f"{key}:{item}") for key, item in compiled.tags.items())
    return call("DAG", **named)


def _times(schedule: DagSchedule | None) -> dict[str, Node]:
    if schedule is None:
        return {"schedule": literal(None), "catchup": literal(False)}
    named: dict[str, Node] = {}
    if schedule.every:
        unit, count = schedule.every
        named["schedule"] = call("timedelta", **{unit: literal(count)})
        named["start_date"] = call("pendulum.parse", literal(schedule.start or FIRST_DAY))
    else:
        named["schedule"] = call("cron", literal(schedule.cron), literal(schedule.timezone))
        if schedule.start:
            named["start_date"] = call("not_before", literal(schedule.start))
    if schedule.end:
        named["end_date"] = call("pendulum.parse", literal(schedule.end))
    return {**named, "catchup": literal(False)}


def _parameters(
    parameters: Sequence[Parameter], schedule: DagSchedule | None, expressions: Expressions
) -> dict[str, Node]:
    if not parameters:
        return {}
    written = dict(schedule.parameters) if schedule else {}
    declared = {item.name: item for item in parameters}
    scheduled = {name: typed(declared[name], text) for name, text in written.items()}
    named: dict[str, Node] = {
        "params": mapping({i.name: _parameter(i, scheduled, expressions) for i in parameters})
    }
    if scheduled:
        values = expressions.node(scheduled)
        named["user_defined_macros"] = mapping({"scheduled_parameters": values})
    return named


def _parameter(parameter: Parameter, scheduled: dict[str, Any], expressions: Expressions) -> Node:
    """Return a parameter; one without a default has the schedule's value, as Airflow asks for one."""
    default = scheduled.get(parameter.name) if parameter.default is None else parameter.default
    values = [] if default is None else [expressions.node(typed(parameter, default))]
    named: dict[str, Node] = {"type": literal(JSON_TYPES[parameter.type])}
    if parameter.allowed:
        named["enum"] = sequence(literal(typed(parameter, item)) for item in parameter.allowed)
    if parameter.description:
        named["description"] = literal(parameter.description)
    return call("Param", *values, **named)


def typed(parameter: Parameter, value: Any) -> Any:
    """Return a value, which may come as a text, in the parameter's type."""
    if parameter.type == "Boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    kinds = {"Integer": int, "Float": float, "String": str}
    return kinds[parameter.type](value)


class TaskSource:
    """Writes the tasks of one DAG."""

    def __init__(self, workflow: Workflow, constants: Constants, names: Mapping[str, str]) -> None:
        self._workflow = workflow
        self._constants = constants
        self._names = names
        self._after = arrows(workflow)
        self._bases = job_bases(workflow)

    def task(self, task: Task) -> Iterator[str]:
        """Yield the lines of one task."""
        handled = dag_step(task)
        if isinstance(handled, Branch):
            yield from self._branch(task)
            return
        assert isinstance(handled, Operator), "a refused step is reported before"
        made = call(handled.name, task_id=literal(task.name), **self._named(task, handled))
        yield from lines(made, f"{self._names[task.name]} = ", indent=INDENT)

    def _named(self, task: Task, operator: Operator) -> dict[str, Node]:
        named: dict[str, Node] = {}
        if operator.calls_function:
            named["function_name"] = self._constants.expressions.node(task.step["FunctionArn"])
        named[operator.argument] = self._arguments(task)
        if is_guarded(task):
            named["trigger_rule"] = literal("all_done")
        policies = self._constants.retries(task)
        return {**named, **({"retry_policies": policies} if policies else {})}

    def _arguments(self, task: Task) -> Group:
        members: dict[str, Node] = {}
        if task.name in self._bases:
            member = str(task.call.name_member)
            members[member] = call("JobName", literal(self._bases[task.name]))
        given = {key: item for key, item in task.arguments.items() if key not in members}
        members |= self._constants.expressions.members(given)
        if is_guarded(task):
            members["after"] = _endings(task)
        if all(key.isidentifier() for key in members):
            return call("Arguments", **members)
        after = {"after": members.pop("after")} if is_guarded(task) else {}
        return call("Arguments", mapping(members), **after)

    def _branch(self, task: Task) -> Iterator[str]:
        """Yield a function that returns the tasks to continue with, and the task that it makes."""
        name = self._names[task.name]
        function = f"{SIDE_OF}{name.removeprefix(STEP)}"
        margin = " " * INDENT
        rule = ', trigger_rule="all_done"' if is_guarded(task) else ""
        yield f"{margin}@task.branch(task_id={literal(task.name)}, retries=0{rule})"
        yield f"{margin}def {function}(**context):"
        if is_guarded(task):
            yield from lines(call("only_after", "context", _endings(task)), indent=2 * INDENT)
        taken, otherwise = (self._entries(task, side) for side in ("IfSteps", "ElseSteps"))
        question = Question(task.arguments["Conditions"], self._constants.expressions)
        yield from question.lines(2 * INDENT)
        yield from lines(taken, "return ", indent=3 * INDENT)
        yield from lines(otherwise, "return ", indent=2 * INDENT)
        yield ""
        yield f"{margin}{name} = {function}()"

    def _entries(self, task: Task, side: str) -> Group:
        names = entries(self._workflow, self._after, task.name, side)
        return sequence(literal(name) for name in names)


def _endings(task: Task) -> Group:
    """Return how each step before a task has to end."""
    endings: dict[str, Node] = {edge.step: literal(edge.trigger) for edge in task.upstream}
    if task.side:
        endings[task.side.condition] = literal("Completed")
    return mapping(endings)
