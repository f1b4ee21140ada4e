"""The call of `DAG(…)`: schedule, parameters, limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.export.airflow.expressions import Expressions
from smp.export.airflow.schedule import DagSchedule, read_schedule, schedule_triggers
from smp.export.airflow.source import Group, Node, call, literal, mapping, sequence
from smp.export.workflow import Parameter

JSON_TYPES = {"String": "string", "Integer": "integer", "Float": "number", "Boolean": "boolean"}


def dag_call(
    compiled: CompiledPipeline, parameters: Sequence[Parameter], expressions: Expressions
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
    if compiled.max_parallel_steps:
        named["max_active_tasks"] = literal(compiled.max_parallel_steps)
    named |= _parameters(parameters, schedule, expressions)
    if compiled.tags:
        named["tags"] = sequence(literal(f"{key}:{item}") for key, item in compiled.tags.items())
    return call("DAG", **named)


def _times(schedule: DagSchedule | None) -> dict[str, Node]:
    if schedule is None:
        return {"schedule": literal(None), "catchup": literal(False)}
    times: Node
    if schedule.every:
        unit, count = schedule.every
        times = call("timedelta", **{unit: literal(count)})
    else:
        times = call(
            "CronTriggerTimetable", literal(schedule.cron), timezone=literal(schedule.timezone)
        )
    limits = {"start_date": call("pendulum.parse", literal(schedule.start))}
    if schedule.end:
        limits["end_date"] = call("pendulum.parse", literal(schedule.end))
    return {"schedule": times, **limits, "catchup": literal(False)}


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
