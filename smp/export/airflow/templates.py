"""Values of the definition language as Jinja templates, whose values are texts."""

from __future__ import annotations

import re
from typing import Any

from smp.definition.compiled import Json
from smp.definition.language import (
    NAMED_ITEMS,
    is_expression,
    path_parts,
    reference_of,
    step_property,
)
from smp.export.workflow import Workflow

EXECUTION = {
    "PipelineName": "dag.dag_id",
    "PipelineArn": "'airflow:' ~ dag.dag_id",
    "PipelineExecutionId": "run_id | replace(':', '-') | replace('+', '-') | replace('.', '-') "
    "| replace('_', '-')",
    "PipelineExecutionArn": "'airflow:' ~ dag.dag_id ~ '/' ~ run_id",
    "StartDateTime": "dag_run.start_date.strftime('%Y-%m-%dT%H:%M:%SZ')",
}
"""What a run knows of itself, by the names of the definition language."""

_IS_MEMBER = re.compile("[A-Z][A-Za-z0-9]*")
"""Names of the API begin with a capital letter, as no method of a dict does."""


def job_name(base: str) -> str:
    """Return a name that no other run or try has."""
    return f"{base}-{{{{ dag_run.run_after.strftime('%y%m%d%H%M%S') }}}}-{{{{ ti.try_number }}}}"


def templated(value: Any, workflow: Workflow) -> Any:
    """Return a JSON value with templates in the place of expressions."""
    if isinstance(value, list):
        return [templated(item, workflow) for item in value]
    if not isinstance(value, dict):
        return value
    if is_expression(value):
        return _template(value, workflow)
    return {key: templated(item, workflow) for key, item in value.items()}


def _template(value: Json, workflow: Workflow) -> str:
    if "Std:Join" in value:
        join = value["Std:Join"]
        return str(join.get("On", "")).join(
            str(templated(item, workflow)) for item in join["Values"]
        )
    return f"{{{{ {_read(value, workflow)} }}}}"


def _read(reference: Json, workflow: Workflow) -> str:
    place = step_property(reference)
    if place is None:
        kind, name = reference_of(reference)
        return f"params[{name!r}]" if kind == "Parameters" else EXECUTION[name]
    step, path = place
    read = f"ti.xcom_pull(task_ids={step!r}).{workflow.task(step).kind}"
    held_by = ""
    for part in path_parts(path):
        if isinstance(part, int):
            read = f"{read}[{part}]"
        elif held_by in NAMED_ITEMS:
            read = f"({read} | selectattr({NAMED_ITEMS[held_by]!r}, 'equalto', {part!r}) | first)"
        else:
            read = f"{read}.{part}" if _IS_MEMBER.fullmatch(part) else f"{read}[{part!r}]"
        held_by = str(part)
    return read
