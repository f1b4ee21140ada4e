"""Renders QualityCheck steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sagemaker.core import image_uris
from sagemaker.mlops.workflow import quality_check_step as sdk
from sagemaker.mlops.workflow.check_job_config import CheckJobConfig

from smp.compiler.sdk.constants import to_constants
from smp.compiler.steps.baseline_check import (
    FLAGS,
    RESULTS,
    as_written,
    baseline_group,
    check_network,
    dataset_of,
)
from smp.compiler.steps.context import StepContext, sdk_tags, sdk_view
from smp.config.steps.quality_check import QualityCheckStep
from smp.definition import deploy_values
from smp.definition.compiled import Json
from smp.definition.expressions import Reference
from smp.graph.nodes import StepNode

IMAGE = "model-monitor"
FORMATS: dict[str, Json] = {
    "csv": {"csv": {"header": True, "output_columns_position": "START"}},
    "csv_without_header": {"csv": {"header": False, "output_columns_position": "START"}},
    "json_lines": {"json": {"lines": True}},
    "json": {"json": {"lines": False}},
}


class _Step(sdk.QualityCheckStep):  # type: ignore[misc]
    """The SDK's step with the image of any region and with its network, which the SDK cannot write."""

    image: str
    network: Json

    @property
    def arguments(self) -> Json:
        """The request of the job."""
        request: Json = super().arguments
        request["AppSpecification"]["ImageUri"] = self.image
        request["NetworkConfig"] = self.network
        return request

    def to_request(self) -> Json:
        """Return the step without its empty members."""
        request: Json = super().to_request()
        return {key: value for key, value in request.items() if value is not None}


def render_quality_check(context: StepContext, node: StepNode) -> list[Any]:
    """Render a QualityCheck step; its results are below a prefix for each execution."""
    written = node.config
    assert isinstance(written, QualityCheckStep)
    config = sdk_view(written.model_copy(update=dict.fromkeys(FLAGS, False)))
    step = _Step(
        name=node.name,
        quality_check_config=_check(context, node, config, written.probability_threshold),
        check_job_config=_job(context, config),
        skip_check=as_written(written.skip_check),
        fail_on_violation=as_written(written.fail_on_violation),
        register_new_baseline=as_written(written.register_new_baseline),
        model_package_group_name=baseline_group(context, node, config),
        supplied_baseline_statistics=config.supplied_baseline_statistics,
        supplied_baseline_constraints=config.supplied_baseline_constraints,
        cache_config=context.cache_config(node),
        depends_on=context.waits_for(node) or None,
    )
    context.images[IMAGE] = _image_uris()
    step.image = to_constants(deploy_values.image(IMAGE))
    step.network = check_network(context)
    return [step]


def _check(
    context: StepContext,
    node: StepNode,
    config: QualityCheckStep,
    threshold: float | Reference | None,
) -> sdk.QualityCheckConfig:
    shared = {
        "baseline_dataset": dataset_of(context, node, config),
        "dataset_format": FORMATS[config.dataset_format],
        "output_s3_uri": context.execution_uri(node, RESULTS),
    }
    if config.check == "data_quality":
        return sdk.DataQualityCheckConfig(**shared)
    return sdk.ModelQualityCheckConfig(
        **shared,
        problem_type=config.problem_type,
        inference_attribute=config.inference_attribute,
        probability_attribute=config.probability_attribute,
        ground_truth_attribute=config.ground_truth_attribute,
        probability_threshold_attribute=None if threshold is None else str(threshold),
    )


def _job(context: StepContext, config: QualityCheckStep) -> CheckJobConfig:
    return CheckJobConfig(
        role=context.role,
        instance_count=config.instance_count,
        instance_type=config.instance_type,
        volume_size_in_gb=config.volume_size_in_gb,
        volume_kms_key=context.volume_key(config.instance_type),
        output_kms_key=context.kms_key,
        max_runtime_in_seconds=config.max_runtime_seconds,
        sagemaker_session=context.session,
        env=dict(config.env) or None,
        tags=sdk_tags(config.tags),
    )


@lru_cache(maxsize=1)
def _image_uris() -> dict[str, str]:
    published = image_uris.config_for_framework(IMAGE)["versions"][""]["registries"]
    return {region: image_uris.retrieve(IMAGE, region=region) for region in sorted(published)}
