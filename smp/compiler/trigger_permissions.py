"""What the role of a trigger may do: start one pipeline, and for a schedule keep what could not be started.

It never grants anything about the pipeline's jobs or data.
"""

from __future__ import annotations

from collections.abc import Iterator

from smp.compiler.deploy_values import KMS_KEY_ARN, TRIGGER_QUEUE_ARN
from smp.compiler.statement import Statement, regional_arn
from smp.compiler.triggers import Schedule, Trigger


def trigger_statements(pipeline_name: str, trigger: Trigger) -> Iterator[Statement]:
    """Yield the statements of a trigger's role.

    ARNs of pipelines are in lower case; the name in a request need not be. EventBridge's rules write to a
    queue by the queue's own policy; schedules do so in their role, with the key of the queue and their own.
    """
    names = sorted({pipeline_name, pipeline_name.lower()})
    yield Statement(
        "StartPipeline",
        ["sagemaker:StartPipelineExecution"],
        [regional_arn("sagemaker", f"pipeline/{name}") for name in names],
    )
    if isinstance(trigger, Schedule):
        yield Statement("KeepFailedStarts", ["sqs:SendMessage"], [TRIGGER_QUEUE_ARN])
        yield Statement("UseKey", ["kms:Decrypt", "kms:GenerateDataKey"], [KMS_KEY_ARN])
