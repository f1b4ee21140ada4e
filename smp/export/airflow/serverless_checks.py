"""Which pipelines can be a workflow of MWAA Serverless."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.language import is_expression, reference_of
from smp.definition.step_types import TUNING, Refused
from smp.errors import Problem
from smp.export.airflow.schedule import (
    DagSchedule,
    read_schedule,
    schedule_problems,
    schedule_triggers,
)
from smp.export.airflow.step_types import MWAA, serverless_step
from smp.export.airflow.templates import EXECUTION
from smp.export.refusal import refusal
from smp.export.workflow import Task, Workflow

TARGET = "MWAA Serverless"
MAX_TASK_SECONDS = 3600
"""Of a task. Source: "Amazon MWAA Serverless quotas" in its user guide."""

NUMBERS = frozenset(
    {
        "InstanceCount",
        "MaxConcurrentTransforms",
        "MaxNumberOfTrainingJobs",
        "MaxParallelTrainingJobs",
        "MaxPayloadInMB",
        "MaxRuntimeInSeconds",
        "VolumeSizeInGB",
    }
)
"""Members whose texts the operators turn into numbers (provider 9.30)."""
TEXTS = frozenset({"Environment", "HyperParameters", "StaticHyperParameters", "ContainerArguments"})
"""Members below which all values are texts."""


def serverless_problems(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[Problem]:
    """Yield what a workflow cannot express."""
    for task in workflow.tasks:
        handled = serverless_step(task)
        if isinstance(handled, Refused):
            yield refusal(TARGET, task.name, handled.reason, handled.instead)
            continue
        if any(edge.trigger != "Completed" for edge in task.upstream):
            yield refusal(TARGET, task.name, "a step that runs after a failure", MWAA)
        yield from _value_problems(task, workflow)
        yield from _time_problems(task)
    yield from schedule_problems(compiled, TARGET)
    for trigger in schedule_triggers(compiled):
        yield from _schedule_problems(trigger.name, read_schedule(trigger))


def _value_problems(task: Task, workflow: Workflow) -> Iterator[Problem]:
    kinds = {item.name: item.type for item in workflow.parameters}
    for path, value in _leaves(task.arguments, ()):
        if isinstance(value, str):
            if "{{" in value or "{%" in value:
                yield refusal(
                    TARGET, task.name, f"the text {value!r}, which is a template to it", MWAA
                )
            continue
        reference = value.get("Get", "")
        kind, name = reference_of(value)
        if "Std:JsonGet" in value:
            yield refusal(TARGET, task.name, "a value in a property file", MWAA)
        elif kind == "Execution" and name not in EXECUTION:
            yield refusal(
                TARGET, task.name, reference, f"use one of {', '.join(sorted(EXECUTION))}"
            )
        elif kind == "Parameters" and kinds.get(name) != "String" and not _takes_text(path):
            construct = f"{name} as a {kinds.get(name)} in {'.'.join(path)}: its values are texts"
            yield refusal(TARGET, task.name, construct, MWAA)


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each text and each expression of a request with its path, the parts of a join as texts."""
    if isinstance(value, str):
        yield path, value
    elif is_expression(value):
        if "Std:Join" in value:
            for item in value["Std:Join"]["Values"]:
                yield from _leaves(item, (*path, "Environment"))
        else:
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, path)


def _takes_text(path: tuple[str, ...]) -> bool:
    return bool(path) and (path[-1] in NUMBERS or not TEXTS.isdisjoint(path))


def _time_problems(task: Task) -> Iterator[Problem]:
    arguments = task.arguments
    stop = arguments.get("StoppingCondition", {})
    if task.type is TUNING:
        stop = arguments.get("HyperParameterTuningJobConfig", {}).get("ResourceLimits", {})
    limit = stop.get("MaxWaitTimeInSeconds") or stop.get("MaxRuntimeInSeconds")
    if isinstance(limit, int) and limit > MAX_TASK_SECONDS:
        construct = f"a job of up to {limit} seconds: a task ends after {MAX_TASK_SECONDS}"
        yield refusal(TARGET, task.name, construct, f"lower max_runtime_seconds, or {MWAA}")


def _schedule_problems(name: str, schedule: DagSchedule) -> Iterator[Problem]:
    if schedule.every:
        yield refusal(TARGET, name, "a rate", "write it as cron")
    if schedule.timezone not in ("UTC", "Etc/UTC"):
        yield refusal(TARGET, name, f"the time zone {schedule.timezone}", "write the times in UTC")
    if schedule.parameters:
        yield refusal(TARGET, name, "parameters of a schedule", "make them the defaults")
