"""The role with which a delivery starts the pipelines of one environment and follows their executions.

It never changes a pipeline, stops an execution or reads data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.pipeline_arn import identity_from_name
from constructs_lib.role_policy import RolePolicy
from constructs_lib.trust import named_roles
from smp.definition.permissions.statement import Statement

PIPELINES_IN_A_POLICY = 8
"""A managed policy holds 6,144 characters; a name may have 256 of them."""

JOB_KINDS = {
    "processing-job": "DescribeProcessingJob",
    "training-job": "DescribeTrainingJob",
    "transform-job": "DescribeTransformJob",
}


class StartRole(Construct):
    """Starts exactly the named pipelines, and reads why a job of theirs failed."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        role_name: str,
        trusted_account: str,
        trusted_roles: Sequence[str],
        pipeline_names: Sequence[str],
    ) -> None:
        """`trusted_roles` are names in `trusted_account`: of the build that may take this one."""
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            description="Starts the pipelines of this environment after a delivery",
            assumed_by=named_roles(self, trusted_account, trusted_roles),
        )
        self.node.default_child = self.role.node.default_child
        names = sorted(pipeline_names)
        for start in range(0, len(names), PIPELINES_IN_A_POLICY):
            some = names[start : start + PIPELINES_IN_A_POLICY]
            RolePolicy(
                self,
                f"Start{some[0]}",
                role=self.role,
                description="Starts pipelines and follows their executions",
                statements=_pipelines(stack, some),
            )
        RolePolicy(
            self,
            "Jobs",
            role=self.role,
            description="Reads why a job of a pipeline failed",
            statements=_jobs(stack),
        )


def _pipelines(stack: cdk.Stack, names: Sequence[str]) -> Iterator[Statement]:
    arns = sorted(arn for name in names for arn in identity_from_name(stack, name).arns())
    yield Statement(
        "StartPipelines",
        [
            "sagemaker:DescribePipeline",
            "sagemaker:ListPipelineExecutions",
            "sagemaker:StartPipelineExecution",
        ],
        arns,
    )
    yield Statement(
        "FollowExecutions",
        [
            "sagemaker:DescribePipelineDefinitionForExecution",
            "sagemaker:DescribePipelineExecution",
            "sagemaker:ListPipelineExecutionSteps",
        ],
        [f"{arn}/execution/*" for arn in arns],
        wildcard="SageMaker names each execution anew.",
    )


def _jobs(stack: cdk.Stack) -> Iterator[Statement]:
    for resource, action in JOB_KINDS.items():
        yield Statement(
            action,
            [f"sagemaker:{action}"],
            [stack.format_arn(service="sagemaker", resource=resource, resource_name="pipelines-*")],
            wildcard="SageMaker Pipelines begins the names of its jobs so and ends them anew.",
        )
    yield Statement(
        "DescribeHyperParameterTuningJob",
        ["sagemaker:DescribeHyperParameterTuningJob"],
        [
            stack.format_arn(
                service="sagemaker", resource="hyper-parameter-tuning-job", resource_name="*"
            )
        ],
        wildcard="The names of tuning jobs are too short for a separate prefix.",
    )
