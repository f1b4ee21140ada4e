"""Which pipelines can be a DAG, and what a DAG honours differently."""

from __future__ import annotations

from collections.abc import Iterator

from smp.definition.compiled import CompiledPipeline
from smp.definition.language import expressions_in, property_file_of, step_property
from smp.definition.step_types import APPROVED_MODEL, CONDITION, FAIL, Refused
from smp.errors import Problem
from smp.export.airflow.conditions import OPERATORS
from smp.export.airflow.schedule import schedule_problems, schedule_triggers
from smp.export.airflow.step_types import dag_step
from smp.export.refusal import refusal, refuse
from smp.export.workflow import Task, Workflow

TARGET = "Airflow"
CONDITIONS = frozenset({*OPERATORS, "In", "Not", "Or", "And"})
LONGEST_NAME = 255 - len("_values.json")
"""A file's name has 255 bytes."""
EXECUTION = frozenset(
    {
        "PipelineName",
        "PipelineArn",
        "PipelineExecutionId",
        "PipelineExecutionArn",
        "StartDateTime",
        "CurrentDateTime",
    }
)
"""What a run knows of itself, by the names of the definition language."""


def check_dag(compiled: CompiledPipeline, workflow: Workflow) -> None:
    """Raise ExportError with all that a DAG cannot express."""
    refuse(workflow.name, dag_problems(compiled, workflow))


def dag_problems(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[Problem]:
    """Yield what a DAG cannot express."""
    for task in workflow.tasks:
        handled = dag_step(task)
        if isinstance(handled, Refused):
            yield refusal(TARGET, task.name, handled.reason, handled.instead)
            continue
        yield from _edge_problems(task)
        yield from _expression_problems(task, workflow)
        yield from _condition_problems(task)
    yield from name_problems(compiled)
    yield from schedule_problems(compiled, TARGET)


def name_problems(compiled: CompiledPipeline) -> Iterator[Problem]:
    """Yield why the name of a pipeline cannot be that of a DAG and of its files."""
    if len(compiled.name) > LONGEST_NAME:
        construct = f"a pipelineName of {len(compiled.name)} characters: a file has to be called so"
        yield refusal(TARGET, "", construct, f"shorten it to {LONGEST_NAME} characters")


def _edge_problems(task: Task) -> Iterator[Problem]:
    for edge in task.upstream:
        if edge.trigger == "Stopped":
            construct = f"a start once {edge.step} was stopped: a stopped job is a failed task"
            yield refusal(TARGET, task.name, construct, "wait for its failure")


def _expression_problems(task: Task, workflow: Workflow) -> Iterator[Problem]:
    types = {other.name: other.type for other in workflow.tasks}
    for expression in expressions_in({**task.step, "Arguments": task.arguments}):
        reference = expression.get("Get", "")
        place = step_property(expression)
        if place and types.get(place[0]) in (CONDITION, FAIL):
            construct = f"{reference}: such a step has no result"
            yield refusal(TARGET, task.name, construct, "read what the condition reads")
        if reference.startswith("Execution.") and reference.partition(".")[2] not in EXECUTION:
            construct = f"{reference}: a run knows {', '.join(sorted(EXECUTION))}"
            yield refusal(TARGET, task.name, construct, "use one of these, or a parameter")
        if "Std:JsonGet" in expression:
            file = property_file_of(expression["Std:JsonGet"])
            if file not in {(read.step, read.name) for read in task.reads}:
                construct = f"the property file {file[1]} of {file[0]}, which no step writes"
                yield refusal(
                    TARGET, task.name, construct, "name one that a Processing step writes"
                )


def _condition_problems(task: Task) -> Iterator[Problem]:
    unknown = {
        kind
        for condition in task.arguments.get("Conditions", [])
        for kind in _types(condition)
        if kind not in CONDITIONS
    }
    for kind in sorted(unknown):
        yield refusal(TARGET, task.name, f"a condition of type {kind}", "ask in another way")


def _types(condition: dict[str, object]) -> Iterator[str]:
    yield str(condition["Type"])
    inner = condition.get("Conditions") or [condition.get("Condition")]
    for item in inner if isinstance(inner, list) else []:
        if isinstance(item, dict):
            yield from _types(item)


def dag_notes(compiled: CompiledPipeline, workflow: Workflow) -> tuple[str, ...]:
    """Return what holds differently in the DAG, a sentence for each."""
    return tuple(_notes(compiled, workflow))


def _notes(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[str]:
    cached = [
        task.name for task in workflow.tasks if task.step.get("CacheConfig", {}).get("Enabled")
    ]
    if cached:
        yield f"caching is not there: {', '.join(cached)} run each time"
    timed = [t.name for t in workflow.tasks if any("ExpireAfterMin" in item for item in t.retries)]
    if timed:
        yield f"retries by time are counted tries: {', '.join(timed)}"
    if compiled.definition.get("PipelineExperimentConfig"):
        yield "the runs are in no SageMaker experiment"
    if any(task.type is FAIL for task in workflow.tasks):
        yield "a Fail step fails the run, but steps beside it run to their end"
    if any(task.type is APPROVED_MODEL for task in workflow.tasks):
        yield "the approved version is looked up by the task itself, without a function"
    others = [item.name for item in compiled.triggers if item.enabled and item.target != "airflow"]
    if others:
        yield f"these triggers start another target and not the DAG: {', '.join(others)}"
    if len(schedule_triggers(compiled)) == 1 and schedule_triggers(compiled)[0].parameters:
        yield "what the schedule sets holds in scheduled runs and backfills, a manual run has the defaults"
