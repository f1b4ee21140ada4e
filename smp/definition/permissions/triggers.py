"""What the role of a trigger may do: start one pipeline or state machine, and keep what did not start."""

from __future__ import annotations

from collections.abc import Iterator

from smp.definition.deploy_values import KMS_KEY_ARN, TRIGGER_QUEUE_ARN
from smp.definition.permissions.statement import Statement, regional_arn
from smp.definition.triggers import STEP_FUNCTIONS, Schedule, Trigger, state_machine_name


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
