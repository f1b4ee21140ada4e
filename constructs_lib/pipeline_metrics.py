"""The CloudWatch metrics of a SageMaker pipeline.

Source: SageMaker developer guide, "Amazon SageMaker AI metrics in Amazon CloudWatch", pipelines metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

import aws_cdk as cdk

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "AWS/Sagemaker/ModelBuildingPipeline"
PIPELINE_NAME = "PipelineName"
STEP_NAME = "StepName"


class MetricOptions(TypedDict, total=False):
    """What every `metric_...` method accepts, with the meaning that it has in the CDK (`MetricOptions`)."""

    statistic: str
    period: cdk.Duration
    label: str
    color: str
    unit: cloudwatch.Unit
    account: str
    region: str


def pipeline_metric(
    pipeline: cdk.Resource,
    metric_name: str,
    *,
    dimensions: Mapping[str, str],
    statistic: str,
    options: MetricOptions,
) -> cloudwatch.Metric:
    """Return a metric in the account and region of the pipeline, whichever stack reads it."""
    from aws_cdk import aws_cloudwatch as cloudwatch

    chosen: MetricOptions = {"statistic": statistic}
    # A token for the stack's own account or region is left out: CloudWatch reads there anyway.
    if pipeline.env.account != cdk.Aws.ACCOUNT_ID:
        chosen["account"] = pipeline.env.account
    if pipeline.env.region != cdk.Aws.REGION:
        chosen["region"] = pipeline.env.region
    chosen.update(options)
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=metric_name,
        dimensions_map=dict(dimensions),
        **chosen,
    )
