"""The role that the jobs of one pipeline assume.

`smp.definition.permissions.plan` plans its permissions; this module adds none.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.role_policy import RolePolicy
from smp.definition.permissions.plan import Permissions
from smp.definition.permissions.statement import Resolve


class JobRole(Construct):
    """What the jobs of a pipeline need: its data, its images, its logs, the key, the network."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        permissions: Permissions,
        resolve: Resolve,
    ) -> None:
        """`resolve` returns the value of a deploy-time name."""
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            description=f"Jobs of pipeline {pipeline_name}"[:1000],
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            ),
        )
        self.node.default_child = self.role.node.default_child
        described = {
            "DataPolicy": (f"Data of the jobs of pipeline {pipeline_name}", permissions.data),
            "RuntimePolicy": (
                f"Keys, images, logs and network of the jobs of {pipeline_name}",
                permissions.runtime,
            ),
        }
        self.policies = tuple(
            resource
            for policy, (description, statements) in described.items()
            if statements
            for resource in RolePolicy(
                self,
                policy,
                role=self.role,
                description=description[:1000],
                statements=[statement.resolved(resolve) for statement in statements],
            ).resources
        )
        """What must be there before the role is used."""
