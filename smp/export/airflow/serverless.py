"""Writes a compiled pipeline as a workflow of MWAA Serverless: a DAG as YAML."""

from __future__ import annotations

from typing import Any

import yaml

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.deploy_values import LIST_VALUES, PATTERN
from smp.definition.permissions.access import analyse_access
from smp.definition.permissions.job_role import data_statements, runtime_statements
from smp.definition.permissions.statement import Statement
from smp.export.airflow.arrows import arrows
from smp.export.airflow.checks import dag_notes
from smp.export.airflow.job_names import job_bases
from smp.export.airflow.permissions import dag_permissions
from smp.export.airflow.schedule import read_schedule, schedule_triggers
from smp.export.airflow.serverless_checks import serverless_problems
from smp.export.airflow.step_types import serverless_step
from smp.export.airflow.templates import job_name, templated
from smp.export.refusal import refuse
from smp.export.workflow import Parameter, Task, Workflow, read_workflow


def render_serverless(compiled: CompiledPipeline) -> str:
    """Return the YAML of a workflow, with deploy-time names in it.

    Raises ExportError with all that does not fit. Tasks are not tried again: MWAA Serverless cannot tell
    a fault of the service from one of a script.
    """
    workflow = read_workflow(compiled)
    refuse(workflow.name, serverless_problems(compiled, workflow))
    return yaml.dump(
        {compiled.name: _dag(compiled, workflow)},
        Dumper=_Dumper,
        sort_keys=False,
        width=10_000,
        allow_unicode=True,
    )


def serverless_notes(compiled: CompiledPipeline) -> tuple[str, ...]:
    """Return what holds differently in the workflow, a sentence for each."""
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
    access = analyse_access(compiled)
    looks = [
        *(item for item in data_statements(access) if item.sid == "ReadData"),
        *(i for i in runtime_statements(access, compiled.images) if i.sid.startswith("ListData")),
    ]
    return (*dag_permissions(compiled), *(item for item in looks if item.resources))


def _dag(compiled: CompiledPipeline, workflow: Workflow) -> Json:
    schedules = schedule_triggers(compiled)
    schedule = read_schedule(schedules[0]) if schedules else None
    after = arrows(workflow)
    head: Json = {"dag_id": compiled.name}
    if compiled.description:
        head["description"] = compiled.description
    head["schedule"] = schedule.cron if schedule else None
    if schedule:
        head["default_args"] = {"start_date": schedule.start[:10]}
    head["catchup"] = False
    if schedule and schedule.end:
        head["end_date"] = schedule.end[:10]
    if compiled.max_parallel_steps:
        head["max_active_tasks"] = compiled.max_parallel_steps
    if workflow.parameters:
        head["params"] = {item.name: _text(item) for item in workflow.parameters}
    return {
        **head,
        "tasks": {task.name: _task(task, workflow, after) for task in workflow.tasks},
    }


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
