"""What the roles of a pipeline and of its triggers may do, as statements derived from what was compiled.

What only a deployment knows is in a statement as a deploy-time name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from smp.definition import functions
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import KMS_KEY_ARN, TRIGGER_QUEUE_ARN
from smp.definition.permissions.access import Access, analyse_access
from smp.definition.permissions.deletion_role import deletion_statements
from smp.definition.permissions.job_role import data_statements, runtime_statements
from smp.definition.permissions.lookup_role import lookup_statements
from smp.definition.permissions.pipeline_role import pipeline_statements, unknown_step_types
from smp.definition.permissions.statement import Statement, regional_arn
from smp.definition.step_types import row_of
from smp.definition.triggers import AIRFLOW, STEP_FUNCTIONS, Schedule, Trigger, state_machine_name


@dataclass(frozen=True)
class Permissions:
    """The statements of a pipeline's roles."""

    data: tuple[Statement, ...]
    """Of the job role: the data that the jobs read and write."""
    runtime: tuple[Statement, ...]
    """Of the job role: keys, images, logs and the network."""
    pipeline: tuple[Statement, ...]
    """Of the pipeline role: what running the steps takes."""
    functions: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    """Of the role of each function that is deployed with the pipeline, by the function's name."""
    unknown_step_types: tuple[str, ...] = ()
    """Types of steps whose permissions are unknown: `pipeline` lacks them."""
    triggers: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    """Of the role of each trigger that is switched on, by its name: starting the pipeline."""

    @property
    def job(self) -> tuple[Statement, ...]:
        """All statements of the job role."""
        return (*self.data, *self.runtime)


def plan_permissions(pipeline: CompiledPipeline) -> Permissions:
    """Derive what the roles of a pipeline need from the steps, data and images of its definition."""
    access = analyse_access(pipeline)
    groups = [group.name for group in pipeline.model_package_groups]
    return Permissions(
        data=_granting(data_statements(access)),
        runtime=_granting(runtime_statements(access, pipeline.images)),
        pipeline=_granting(pipeline_statements(access, groups)),
        functions={
            row.function.name: _granting(FUNCTION_STATEMENTS[row.function.name](access))
            for row in dict.fromkeys(map(row_of, pipeline.steps()))
            if row.function is not None
        },
        unknown_step_types=unknown_step_types(access),
        triggers={
            trigger.name: _granting(trigger_statements(pipeline.name, trigger))
            for trigger in pipeline.triggers
            if trigger.enabled and trigger.target != AIRFLOW
        },
    )


FUNCTION_STATEMENTS: Mapping[str, Callable[[Access], Iterable[Statement]]] = {
    functions.APPROVED_MODEL.name: lookup_statements,
    functions.DELETE_MODEL.name: deletion_statements,
}
"""What the role of each function may do, by the function's name."""


def _granting(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    return tuple(statement for statement in statements if statement.resources)


def trigger_statements(pipeline_name: str, trigger: Trigger) -> Iterator[Statement]:
    """Yield the statements of the role of a trigger that EventBridge or Scheduler keeps.

    EventBridge's rules write to a queue by the queue's own policy; schedules do so in their role, with
    the key of the queue and their own.
    """
    yield from (_start_machine if trigger.target == STEP_FUNCTIONS else _start)(pipeline_name)
    if isinstance(trigger, Schedule):
        yield Statement("KeepFailedStarts", ["sqs:SendMessage"], [TRIGGER_QUEUE_ARN])
        yield Statement("UseKey", ["kms:Decrypt", "kms:GenerateDataKey"], [KMS_KEY_ARN])


def _start(pipeline_name: str) -> Iterator[Statement]:
    """ARNs of pipelines are in lower case; the name in a request need not be."""
    names = sorted({pipeline_name, pipeline_name.lower()})
    yield Statement(
        "StartPipeline",
        ["sagemaker:StartPipelineExecution"],
        [regional_arn("sagemaker", f"pipeline/{name}") for name in names],
    )


def _start_machine(pipeline_name: str) -> Iterator[Statement]:
    """What an execution is given is encrypted with the state machine's key."""
    arn = regional_arn("states", f"stateMachine:{state_machine_name(pipeline_name)}")
    yield Statement("StartStateMachine", ["states:StartExecution"], [arn])
    context = {"StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": arn}}
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    yield Statement("EncryptInput", actions, [KMS_KEY_ARN], context)
