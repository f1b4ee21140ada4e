"""The role with which SageMaker runs one pipeline: it starts jobs, and hands them their role.

`smp.definition.permissions.plan` plans its permissions; this module adds none.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.role_policy import RolePolicy
from smp.definition.permissions.plan import Permissions
from smp.definition.permissions.statement import Resolve
from smp.definition.step_types import KNOWN_TYPES
from smp.errors import Problem, SetupError


class PipelineRole(Construct):
    """What running the steps of a pipeline needs, by the types of its steps."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        permissions: Permissions,
        resolve: Resolve,
    ) -> None:
        """`resolve` returns the value of a deploy-time name.

        Raises SetupError for a step type without known permissions.
        """
        super().__init__(scope, construct_id)
        _refuse_unknown(pipeline_name, permissions)
        self.role = iam.Role(
            self,
            "Role",
            description=f"Runs pipeline {pipeline_name}"[:1000],
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            ),
        )
        self.node.default_child = self.role.node.default_child
        self.policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description=f"Runs pipeline {pipeline_name}"[:1000],
            statements=[statement.resolved(resolve) for statement in permissions.pipeline],
        )


def _refuse_unknown(pipeline_name: str, permissions: Permissions) -> None:
    if permissions.unknown_step_types:
        raise SetupError(
            [
                Problem(
                    f"pipeline '{pipeline_name}': the permissions of step type '{kind}' are not known",
                    allowed=", ".join(KNOWN_TYPES),
                    hint="pass your own pipeline_role to SageMakerPipeline",
                )
                for kind in permissions.unknown_step_types
            ]
        )
