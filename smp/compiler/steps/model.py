"""Renders CreateModel and RegisterModel steps, and shares one repack between them."""

from __future__ import annotations

from typing import Any

from sagemaker.core.model_metrics import MetricsSource, ModelMetrics
from sagemaker.core.training.configs import Networking
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import StepTypeEnum
from sagemaker.serve.model_builder import ModelBuilder

from smp.compiler.steps.baseline_check import JSON, drift_baselines, registered_metrics
from smp.compiler.steps.context import StepContext, sdk_view
from smp.compiler.steps.images import section_image
from smp.compiler.steps.processing import report_files
from smp.compiler.steps.request_step import RequestStep
from smp.compiler.steps.training import render_repack
from smp.config.sections.jobs import EvaluateSection, PreprocessSection
from smp.config.sections.registry import PIPELINE_ARN
from smp.config.steps.section_step import StepConfig
from smp.graph.nodes import REPORT_OUTPUT, StepNode, model_package_group_name
from smp.lookup.approved_model import PACKAGE_ARN

CODE_IN_MODEL = "/opt/ml/model/code"


def render_create_model(context: StepContext, node: StepNode) -> list[Any]:
    """Render a CreateModel step, after its repack where the model wants one."""
    if node.approved is not None:
        return [_of_package(context, node, node.approved)]
    repack = _repack(context, node)
    arguments = _builder(context, node, repack).build(
        model_name=node.model.config.name or node.emitted[-1]
    )
    step = ModelStep(
        name=node.emitted[-1],
        step_args=arguments,
        depends_on=None if repack else context.waits_for(node) or None,
    )
    return [*repack, step]


def _of_package(context: StepContext, node: StepNode, approved: str) -> RequestStep:
    """Return the step that makes a model of the version that an ApprovedModel step finds.

    The SDK's own wants an artifact.
    """
    outputs = context.made[approved][-1].properties.Outputs
    request = {
        "ExecutionRoleArn": context.role,
        "PrimaryContainer": {"ModelPackageName": outputs[PACKAGE_ARN]},
        "VpcConfig": {"SecurityGroupIds": context.security_groups, "Subnets": context.subnets},
    }
    return RequestStep(
        node.emitted[-1],
        StepTypeEnum.CREATE_MODEL,
        request,
        context.waits_for(node),
        described_by="DescribeModelOutput",
    )


def render_register_model(context: StepContext, node: StepNode) -> list[Any]:
    """Render a RegisterModel step; the metrics report becomes the model's quality statistics."""
    registry = node.model.config.registry
    assert registry is not None
    specification = sdk_view(registry.inference_specification)
    repack = _repack(context, node)
    arguments = _builder(context, node, repack).register(
        model_package_group_name=model_package_group_name(context.graph.pipeline, node.model),
        content_types=list(specification.supported_content_types) or None,
        response_types=list(specification.supported_response_mime_types) or None,
        inference_instances=list(specification.supported_realtime_inference_instance_types),
        transform_instances=list(specification.supported_transform_instance_types),
        model_metrics=_model_metrics(context, node),
        drift_check_baselines=drift_baselines(context, node),
        approval_status=specification.approval_status,
        description=registry.model_package_description,
        customer_metadata_properties={
            **registry.customer_metadata_properties,
            PIPELINE_ARN: ExecutionVariables.PIPELINE_EXECUTION_ARN,
        },
        domain=registry.domain,
        task=registry.task,
        sample_payload_url=sdk_view(registry).sample_payload_url,
    )
    request = arguments.create_model_package_request
    request["InferenceSpecification"]["Containers"][0]["Environment"] = _environment(node)
    step = ModelStep(
        name=node.emitted[-1],
        step_args=arguments,
        depends_on=None if repack else context.waits_for(node) or None,
    )
    return [*repack, step]


def _repack(context: StepContext, node: StepNode) -> list[Any]:
    if not node.repacks:
        return []
    assert node.training is not None
    return [render_repack(context, node, context.artifact_of(node, node.training))]


def _builder(context: StepContext, node: StepNode, repack: list[Any]) -> ModelBuilder:
    registry = node.model.config.registry
    assert registry is not None
    return ModelBuilder(
        image_uri=section_image(context, sdk_view(registry.inference_specification)),
        s3_model_data_url=_artifact(context, node, repack),
        role_arn=context.role,
        sagemaker_session=context.session,
        env_vars=_environment(node),
        instance_type="ml.m5.large",
        network=Networking(
            subnets=context.subnets,
            security_group_ids=context.security_groups,
            enable_network_isolation=registry.network_isolation or None,
        ),
    )


def _artifact(context: StepContext, node: StepNode, repack: list[Any]) -> Any:
    """Return the artifact to serve: packed by this step, by the CreateModel step, or as trained."""
    assert node.training is not None
    registry = node.model.config.registry
    assert registry is not None
    if repack:
        source = repack[0]
    elif registry.model_repack and node.create_model:
        source = context.made[node.create_model][0]
    else:
        return context.artifact_of(node, node.training)
    return source.properties.ModelArtifacts.S3ModelArtifacts


def _environment(node: StepNode) -> dict[str, str]:
    """Return the container's variables: its own, and which script a serving toolkit loads."""
    transform = node.model.config.transform
    registry = node.model.config.registry
    own = dict(sdk_view(registry.inference_specification).env) if registry else {}
    if transform is None or transform.entry_point is None:
        return own
    return {
        **own,
        "SAGEMAKER_SUBMIT_DIRECTORY": CODE_IN_MODEL,
        "SAGEMAKER_PROGRAM": inference_program(transform.entry_point),
        "SAGEMAKER_REQUIREMENTS": "requirements.txt",
    }


def inference_program(entry_point: str) -> str:
    """Return the name by which a serving toolkit imports a script: a file, or a dotted module."""
    if "/" not in entry_point:
        return entry_point
    return entry_point.removesuffix(".py").replace("/", ".")


def _model_metrics(context: StepContext, node: StepNode) -> ModelMetrics | None:
    """Return the reports that a version keeps: those of its checks and metrics, and those it names."""
    found = registered_metrics(context, node)
    if node.metrics is not None:
        evaluate = context.graph.node(node.metrics).section
        assert isinstance(evaluate, EvaluateSection)
        place = (REPORT_OUTPUT, f"{REPORT_OUTPUT}.json")
        found["model_statistics"] = _source(context, node.metrics, place, evaluate.content_type)
    assert isinstance(node.config, StepConfig)
    meant = dict(node.reports)
    for kind, (owner, name) in node.config.model_metrics.written.items():
        section = context.graph.node(meant[owner]).section
        assert isinstance(section, (PreprocessSection, EvaluateSection))
        found[kind] = _source(context, meant[owner], report_files(section)[name], JSON)
    return ModelMetrics(**found) if found else None


def _source(
    context: StepContext, step: str, place: tuple[str, str], content_type: str
) -> MetricsSource:
    """Return a report of a step as a source of metrics: `place` is its output and its path there."""
    output, path = place
    outputs = context.made[step][-1].properties.ProcessingOutputConfig.Outputs
    uri = Join(on="/", values=[outputs[output].S3Output.S3Uri, path])
    return MetricsSource(content_type=content_type, s3_uri=uri)
