"""Renders Transform steps: batch predictions with the model of a CreateModel step."""

from __future__ import annotations

from typing import Any

from sagemaker.core.transformer import Transformer
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import TransformStep

from smp.compiler.steps.context import StepContext, sdk_tags, sdk_view
from smp.config.sections.jobs import TransformSection
from smp.config.steps.section_step import StepConfig
from smp.config.values.channels import Channel
from smp.graph.nodes import StepNode


def render_transform(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Transform step; its predictions are below a prefix for each execution."""
    assert node.model.config.transform is not None
    section = sdk_view(node.model.config.transform)
    channel = next(iter(section.channels.values()), Channel())
    arguments = _transformer(context, node, section, channel).transform(
        data=_input_uri(context, node, channel),
        content_type=section.content_type,
        split_type=section.split_type,
        input_filter=section.input_filter,
        output_filter=section.output_filter,
        join_source=section.join_source,
        model_client_config=_client(section),
    )
    return [
        TransformStep(
            name=node.emitted[0],
            step_args=arguments,
            cache_config=context.cache_config(node),
            depends_on=context.waits_for(node) or None,
        )
    ]


def _client(section: TransformSection) -> dict[str, Any] | None:
    """Return how the job calls the model, or None where the service's own settings are meant."""
    settings = {
        "InvocationsTimeoutInSeconds": section.invocations_timeout_seconds,
        "InvocationsMaxRetries": section.invocations_max_retries,
    }
    return {name: value for name, value in settings.items() if value is not None} or None


def _transformer(
    context: StepContext, node: StepNode, section: TransformSection, channel: Channel
) -> Transformer:
    assert node.create_model is not None
    return Transformer(
        model_name=context.made[node.create_model][-1].properties.ModelName,
        instance_count=section.instance_count,
        instance_type=section.instance_type,
        strategy=section.strategy,
        assemble_with=section.assemble_with,
        max_payload=section.max_payload,
        max_concurrent_transforms=section.max_concurrent_transforms,
        output_path=context.per_execution(_output_prefix(context, node, channel), node),
        output_kms_key=context.kms_key,
        volume_kms_key=context.volume_key(section.instance_type),
        accept=section.accept or section.content_type,
        tags=sdk_tags(section.tags),
        env=dict(section.env) or None,
        base_transform_job_name=section.base_job_name or node.name,
        sagemaker_session=context.session,
    )


def _output_prefix(context: StepContext, node: StepNode, channel: Channel) -> str:
    bucket = context.bucket
    if channel.data_files and channel.s3_bucket_name:
        bucket = channel.s3_bucket_name
    prefix = channel.input_bucket_prefix.strip("/") if channel.data_files else ""
    parts = (bucket, prefix, node.model.name, "predictions/transform")
    return "s3://" + "/".join(part for part in parts if part)


def _input_uri(context: StepContext, node: StepNode, channel: Channel) -> Any:
    if not node.chained:
        return channel.uri_of(channel.data_files[0])
    uri = context.uri_of(node, node.chained[0])
    assert isinstance(node.config, StepConfig)
    prefix = node.config.chain_input_additional_prefix.strip("/")
    return Join(on="/", values=[uri, prefix]) if prefix else uri
