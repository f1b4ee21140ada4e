"""Renders ClarifyCheck steps. The SDK's own step uploads its files under names of its invention.

The job makes an endpoint of the model that the step names, and deletes it.
"""

from __future__ import annotations

from typing import Any

from sagemaker.mlops.workflow.steps import StepTypeEnum

from smp.compiler.steps.baseline_check import (
    FLAGS,
    RESULTS,
    as_written,
    baseline_group,
    check_network,
    dataset_of,
)
from smp.compiler.steps.clarify_analysis import analysis_config
from smp.compiler.steps.context import StepContext, sdk_tags, sdk_view
from smp.compiler.steps.images import named_image
from smp.compiler.steps.request_step import RequestStep
from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.config.values.images import PublishedImage
from smp.definition.compiled import Json
from smp.graph.nodes import StepNode

IMAGE = PublishedImage("clarify", "processing", "1.0")
CONFIG = "/opt/ml/processing/input/config"
DATA = "/opt/ml/processing/input/data"
OUTPUT = "/opt/ml/processing/output"
"""Input and output directories of Clarify's image: "Configure a SageMaker Clarify processing job"."""
CONSTRAINTS = ("CalculatedBaselineConstraints", "BaselineUsedForDriftCheckConstraints")
"""What later steps may read of a check: two addresses."""


def render_clarify_check(context: StepContext, node: StepNode) -> list[Any]:
    """Render a ClarifyCheck step; its results are below a prefix for each execution."""
    written = node.config
    assert isinstance(written, ClarifyCheckStep)
    config = sdk_view(written.model_copy(update=dict.fromkeys(FLAGS, False)))
    members = {
        **(cache.config if (cache := context.cache_config(node)) else {}),
        "CheckType": config.check.upper(),
        "ModelName": _model_name(context, node, written),
        "ModelPackageGroupName": baseline_group(context, node, config),
        "SkipCheck": as_written(written.skip_check),
        "FailOnViolation": as_written(written.fail_on_violation),
        "RegisterNewBaseline": as_written(written.register_new_baseline),
        "SuppliedBaselineConstraints": config.supplied_baseline_constraints,
    }
    address = analysis_config(context, node.copy_of or node.name, written)
    request = _request(context, node, config, address)
    return [
        RequestStep(
            node.name,
            StepTypeEnum.CLARIFY_CHECK,
            request,
            context.waits_for(node),
            members=members,
            own_properties=CONSTRAINTS,
        )
    ]


def _model_name(context: StepContext, node: StepNode, config: ClarifyCheckStep) -> Any:
    if not config.asks_model:
        return None
    assert node.create_model is not None
    return context.properties(node, node.create_model).ModelName


def _request(context: StepContext, node: StepNode, config: ClarifyCheckStep, address: str) -> Json:
    volume_key = context.volume_key(config.instance_type)
    request: Json = {
        "ProcessingInputs": [
            _input("analysis_config", address, CONFIG),
            _input("dataset", dataset_of(context, node, config), DATA),
        ],
        "ProcessingOutputConfig": _output(context, node),
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": config.instance_count,
                "InstanceType": config.instance_type,
                "VolumeSizeInGB": config.volume_size_in_gb,
                **({"VolumeKmsKeyId": volume_key} if volume_key else {}),
            }
        },
        "AppSpecification": {"ImageUri": named_image(context, IMAGE)},
        "RoleArn": context.role,
        "StoppingCondition": {"MaxRuntimeInSeconds": config.max_runtime_seconds},
        "NetworkConfig": check_network(context),
    }
    optional = {"Environment": dict(config.env), "Tags": sdk_tags(config.tags)}
    return {**request, **{key: value for key, value in optional.items() if value}}


def _input(name: str, address: Any, place: str) -> Json:
    source = {"S3Uri": address, "LocalPath": place}
    return {
        "InputName": name,
        "S3Input": {**source, "S3DataType": "S3Prefix", "S3InputMode": "File"},
    }


def _output(context: StepContext, node: StepNode) -> Json:
    place = context.execution_uri(node, RESULTS)
    output = {"S3Uri": place, "LocalPath": OUTPUT, "S3UploadMode": "EndOfJob"}
    return {
        "Outputs": [{"OutputName": "analysis_result", "S3Output": output}],
        "KmsKeyId": context.kms_key,
    }
