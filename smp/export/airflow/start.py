"""Writes a DAG that starts the SageMaker pipeline and follows its steps, and a workflow that does so.

Every step class is possible: SageMaker runs the steps, and a task only shows what became of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.statement import Statement, regional_arn
from smp.definition.triggers import AIRFLOW
from smp.export.airflow.arrows import Arrows, arrows
from smp.export.airflow.checks import name_problems
from smp.export.airflow.constants import Constants
from smp.export.airflow.dag import STEP, dag_call, dag_file, flow_lines
from smp.export.airflow.runtime_files import RUNTIME, START, runtime_files
from smp.export.airflow.schedule import schedule_problems, schedule_triggers
from smp.export.airflow.source import INDENT, Names, Node, call, lines, literal, sequence
from smp.export.refusal import refuse
from smp.export.workflow import Task, Workflow, read_workflow

EXECUTION_START, EXECUTION_END = "execution.start", "execution.end"
"""The first and the last task; the name of a step has no dot."""
VARIABLES = {EXECUTION_START: "execution_start", EXECUTION_END: "execution_end"}
"""Their variables; those of steps begin otherwise."""


def render_start_dag(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return the text of each file of the DAG by its path in the directory of DAGs.

    Raises ExportError if the DAG cannot have the schedule.
    """
    problems = [*name_problems(compiled), *schedule_problems(compiled, "Airflow")]
    refuse(compiled.name, problems)
    text = "\n".join(_dag_lines(compiled, read_workflow(compiled))) + "\n"
    return {f"{compiled.name}.py": text, **runtime_files(starts=True)}


def start_workflow(compiled: CompiledPipeline) -> Workflow:
    """Return what the DAG needs values for: the defaults of parameters, and no step."""
    return replace(read_workflow(compiled), tasks=())


def start_permissions(compiled: CompiledPipeline) -> tuple[Statement, ...]:
    """Return what the tasks may do: start this pipeline, and follow and stop its executions."""
    # ARNs have the name in small letters; IAM compares with either spelling.
    names = sorted({compiled.name, compiled.name.lower()})
    arns = [regional_arn("sagemaker", f"pipeline/{name}") for name in names]
    return (
        Statement(
            "StartPipeline",
            ["sagemaker:ListPipelineExecutions", "sagemaker:StartPipelineExecution"],
            arns,
        ),
        Statement(
            "FollowExecutions",
            [
                "sagemaker:DescribePipelineExecution",
                "sagemaker:ListPipelineExecutionSteps",
                "sagemaker:StopPipelineExecution",
            ],
            [f"{arn}/execution/*" for arn in arns],
            wildcard="SageMaker names each execution anew.",
        ),
    )


def start_notes(compiled: CompiledPipeline) -> Iterator[str]:
    """Yield what is particular to the DAG, a sentence for each."""
    yield "SageMaker runs the steps: caching, retries and experiments are those of the pipeline"
    yield "one task waits in a worker as long as the execution runs, so that a stop reaches it"
    others = [item.name for item in compiled.triggers if item.enabled and item.target != AIRFLOW]
    if others:
        yield f"these triggers start another target and not the DAG: {', '.join(others)}"
    if any(trigger.parameters for trigger in schedule_triggers(compiled)):
        yield "what the schedule sets holds in scheduled runs and backfills, a manual run has the defaults"


def _dag_lines(compiled: CompiledPipeline, workflow: Workflow) -> Iterator[str]:
    constants = Constants(start_workflow(compiled))
    variables = Names(STEP)
    names = {**VARIABLES, **{task.name: variables.take(task.name) for task in workflow.tasks}}
    made = dag_call(compiled, workflow.parameters, constants.expressions, None)
    body = [
        *lines(made, "with ", " as dag:"),
        *_task(EXECUTION_START, names, _start(compiled, workflow)),
        *_task(EXECUTION_END, names, ("ExecutionEnd", {})),
        "",
        *(
            line
            for task in workflow.tasks
            for line in _task(task.name, names, ("FollowedStep", _branch(task)))
        ),
        *flow_lines(_arrows(workflow), names),
    ]
    yield from dag_file(compiled, constants, body, f"{RUNTIME}, {START}", (RUNTIME, START))


def _task(
    task_id: str, names: Mapping[str, str], made: tuple[str, Mapping[str, Node]]
) -> Iterator[str]:
    operator, named = made
    whole = call(operator, task_id=literal(task_id), **named)
    yield from lines(whole, f"{names[task_id]} = ", indent=INDENT)


def _start(compiled: CompiledPipeline, workflow: Workflow) -> tuple[str, Mapping[str, Node]]:
    named: dict[str, Node] = {"pipeline_name": literal(compiled.name)}
    if workflow.parameters:
        named["parameters"] = sequence(literal(item.name) for item in workflow.parameters)
    return "ExecutionStart", named


def _branch(task: Task) -> Mapping[str, Node]:
    if task.side is None:
        return {}
    return {
        "condition": literal(task.side.condition),
        "outcome": literal(task.side.branch == "IfSteps"),
    }


def _arrows(workflow: Workflow) -> Arrows:
    """Return the arrows of the steps, with the first task before those that wait for nothing."""
    after = arrows(workflow)
    waiting = {name for names in after.values() for name in names}
    first: Sequence[str] = [task.name for task in workflow.tasks if task.name not in waiting]
    return {EXECUTION_START: (*first, EXECUTION_END), **after}
