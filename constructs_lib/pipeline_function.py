"""A function that this project deploys with a pipeline, and its role."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

import smp.lookup
from constructs_lib.acknowledgement import acknowledge
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.role_policy import RolePolicy, write_logs
from smp.definition.functions import Function
from smp.definition.permissions.statement import Resolve, Statement

CODE = Path(smp.lookup.__path__[0])
TIMEOUT_SECONDS = 120


class PipelineFunction(Construct):
    """A Lambda function with its own role, for one pipeline: its role is for that pipeline only."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: Function,
        pipeline_name: str,
        statements: Iterable[Statement],
        environment: JobEnvironment,
        resolve: Resolve,
    ) -> None:
        """`resolve` returns the value of a deploy-time name."""
        super().__init__(scope, construct_id)
        description = f"{function.purpose} for pipeline {pipeline_name}"[:256]
        log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=environment.key,
            retention=logs.RetentionDays.ONE_MONTH,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = iam.Role(
            self,
            "Role",
            description=description,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        resolved = [statement.resolved(resolve) for statement in statements]
        policy = RolePolicy(
            self,
            "Policy",
            role=role,
            description=description,
            statements=[*resolved, write_logs(log_group)],
        )
        self.function = self._add_function(description, function.module, role, log_group)
        self.function.node.add_dependency(*policy.resources)
        _acknowledge(self.function)
        self.node.default_child = self.function.node.default_child

    def _add_function(
        self, description: str, module: str, role: iam.Role, log_group: logs.LogGroup
    ) -> lambda_.Function:
        return lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=lambda_.Code.from_asset(str(CODE), exclude=["*", f"!{module}.py"]),
            handler=f"{module}.handler",
            timeout=cdk.Duration.seconds(TIMEOUT_SECONDS),
            memory_size=256,
            role=role.without_policy_updates(),
            log_group=log_group,
        )


def _acknowledge(function: lambda_.Function) -> None:
    acknowledge(
        function,
        {
            "NIST.800.53.R5-LambdaConcurrency": "A pipeline calls it once an execution; a reserve "
            "would be taken from an account's other functions, and new accounts have none to give.",
            "NIST.800.53.R5-LambdaDLQ": "The pipeline waits for its answer and fails with its "
            "reason: there is no event that could be lost.",
            "NIST.800.53.R5-LambdaInsideVPC": "It handles descriptions of models and metrics "
            "reports, no data, and calls nothing but AWS; a brought network need not lead to SageMaker.",
        },
    )
