"""Writes a compiled pipeline as a workflow of MWAA Serverless: a DAG as YAML."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.deploy_values import LIST_VALUES, PATTERN
from smp.definition.language import is_expression, reference_of
from smp.definition.permissions.access import analyse_access
from smp.definition.permissions.job_role import data_statements, runtime_statements
from smp.definition.permissions.statement import Statement
from smp.definition.step_types import TUNING, Refused
from smp.errors import Problem
from smp.export.airflow.arrows import arrows
from smp.export.airflow.checks import dag_notes
from smp.export.airflow.job_names import job_bases
from smp.export.airflow.permissions import steps_permissions
from smp.export.airflow.schedule import (
    DagSchedule,
    read_schedule,
    schedule_problems,
    schedule_triggers,
)
from smp.export.airflow.start import EXECUTION_END, EXECUTION_START, start_permissions
from smp.export.airflow.step_types import MWAA, serverless_step
from smp.export.airflow.templates import EXECUTION, job_name, templated
from smp.export.refusal import refusal, refuse
from smp.export.workflow import Parameter, Task, Workflow, read_workflow


def render_serverless(compiled: CompiledPipeline) -> str:
    """Return the YAML of a workflow, with deploy-time names in it.

    Raises ExportError with all that does not fit. Tasks are not tried again: MWAA Serverless cannot tell
    a fault of the service from one of a script.
    """
    workflow = read_workflow(compiled)
    if compiled.airflow_mode == "start":
        refuse(workflow.name, _trigger_problems(compiled))
        tasks = _start_tasks(compiled, workflow)
    else:
        refuse(workflow.name, serverless_problems(compiled, workflow))
        after = arrows(workflow)
        tasks = {task.name: _task(task, workflow, after) for task in workflow.tasks}
    return yaml.dump(
        {compiled.name: {**_head(compiled, workflow), "tasks": tasks}},
        Dumper=_Dumper,
        sort_keys=False,
        width=10_000,
        allow_unicode=True,
    )


def serverless_notes(compiled: CompiledPipeline) -> tuple[str, ...]:
    """Return what holds differently in the workflow, a sentence for each."""
    if compiled.airflow_mode == "start":
        return (
            "SageMaker runs the steps; the workflow has no task for each",
            "if the workflow is stopped, the execution continues: stop it in SageMaker",
        )
    workflow = read_workflow(compiled)
    tried = [task.name for task in workflow.tasks if task.retries]
    notes = [f"no step is tried again: {', '.join(tried)}"] if tried else []
    notes.append("a task ends after 60 minutes, with the wait for its job")
    notes.append("a processing, tuning or transform job that was stopped counts as done")
    notes.append("all parameters are texts")
    return (*notes, *(note for note in dag_notes(compiled, workflow) if "retries" not in note))


class _Dumper(yaml.SafeDumper):
    """Writes a list that a deploy-time name stands for on one line, in quotes."""

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        named = len(data) == 1 and isinstance(data[0], str) and PATTERN.fullmatch(data[0])
        if not named or named[1] not in LIST_VALUES:
            return super().represent_list(data)
        item = self.represent_scalar("tag:yaml.org,2002:str", data[0], style='"')
        return yaml.SequenceNode("tag:yaml.org,2002:seq", [item], flow_style=True)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  the base class's signature
        return True


_Dumper.add_representer(list, _Dumper.represent_list)


def serverless_permissions(compiled: CompiledPipeline) -> tuple[Statement, ...]:
    """Return what the role of the workflow needs: what a DAG does, and a look at the data of its jobs.

    The provider's own operators look whether the inputs of a job are there before they start it.
    """
    if compiled.airflow_mode == "start":
        return start_permissions(compiled)
    access = analyse_access(compiled)
    looks = [
        *(item for item in data_statements(access) if item.sid == "ReadData"),
        *(i for i in runtime_statements(access, compiled.images) if i.sid.startswith("ListData")),
    ]
    return (*steps_permissions(compiled), *(item for item in looks if item.resources))


def _head(compiled: CompiledPipeline, workflow: Workflow) -> Json:
    schedules = schedule_triggers(compiled)
    schedule = read_schedule(schedules[0]) if schedules else None
    head: Json = {"dag_id": compiled.name}
    if compiled.description:
        head["description"] = compiled.description
    head["schedule"] = schedule.cron if schedule else None
    if schedule and schedule.start:
        head["default_args"] = {"start_date": schedule.start[:10]}
    head["catchup"] = False
    if schedule and schedule.end:
        head["end_date"] = schedule.end[:10]
    if compiled.max_parallel_steps and compiled.airflow_mode == "steps":
        head["max_active_tasks"] = compiled.max_parallel_steps
    if workflow.parameters:
        head["params"] = {item.name: _text(item) for item in workflow.parameters}
    return head


def _start_tasks(compiled: CompiledPipeline, workflow: Workflow) -> Json:
    """Return two tasks: one starts the pipeline, the other looks at the execution until it has ended.

    Between two looks nothing runs, so that the limit of a task does not apply to the execution.
    """
    parameters = {item.name: f"{{{{ params[{item.name!r}] }}}}" for item in workflow.parameters}
    start = {
        "operator": f"{PROVIDER}.operators.sagemaker.SageMakerStartPipelineOperator",
        "task_id": EXECUTION_START,
        "pipeline_name": compiled.name,
        "display_name": f"{{{{ ({EXECUTION['PipelineExecutionId']})[:82] }}}}",
        **({"pipeline_params": parameters} if parameters else {}),
        "retries": 0,
    }
    end = {
        "operator": f"{PROVIDER}.sensors.sagemaker.SageMakerPipelineSensor",
        "task_id": EXECUTION_END,
        "pipeline_exec_arn": f"{{{{ ti.xcom_pull(task_ids='{EXECUTION_START}') }}}}",
        "mode": "reschedule",
        "poke_interval": 60,
        "timeout": LONGEST_EXECUTION,
        "dependencies": [EXECUTION_START],
    }
    return {EXECUTION_START: start, EXECUTION_END: end}


def _text(parameter: Parameter) -> str:
    value: Any = parameter.default
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _task(task: Task, workflow: Workflow, after: Any) -> Json:
    bases = job_bases(workflow)
    is_named = task.name in bases
    name = {str(task.call.name_member): job_name(bases[task.name])} if is_named else {}
    given = {key: item for key, item in task.arguments.items() if key not in name}
    return {
        "operator": serverless_step(task),
        "task_id": task.name,
        "config": {**name, **templated(given, workflow)},
        "retries": 0,
        "dependencies": [above for above, below in after.items() if task.name in below],
    }


TARGET = "MWAA Serverless"
PROVIDER = "airflow.providers.amazon.aws"
LONGEST_EXECUTION = 28 * 24 * 3600
"""The seconds after which the last task gives up."""
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
    yield from _trigger_problems(compiled)


def _trigger_problems(compiled: CompiledPipeline) -> Iterator[Problem]:
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
