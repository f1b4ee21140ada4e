"""One instance that people reach through Systems Manager alone: no open port, no key pair, no address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct, IDependable

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.role_policy import RolePolicy
from smp.definition.permissions.statement import Statement

IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
"""Amazon Linux 2023 as it is when the instance starts: a new image alone replaces no instance."""


class SessionHost(Construct):
    """An instance with an encrypted volume that gives its credentials to IMDSv2 requests alone.

    A change of its script, type or volume replaces it: nothing on its volume is to be kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        instance_type: str,
        volume_gib: int,
        subnet_id: str,
        security_group_id: str,
        key: kms.IKey,
        script: str | None = None,
        statements: Iterable[Statement] = (),
        needs: Sequence[IDependable] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            description=description,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        )
        policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description=description,
            statements=[*_session_statements(), *statements],
        )
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        template = self._add_template(description, instance_type, volume_gib, key, script)
        self.instance = self._add_instance(
            template,
            iam_instance_profile=profile.ref,
            subnet_id=subnet_id,
            security_group_ids=[security_group_id],
        )
        self.node.default_child = self.instance
        self.instance.node.add_dependency(*policy.resources, *needs)
        acknowledge(
            self.instance,
            {
                "AwsSolutions-EC29": "A deployment replaces it when its script changes; what is to be "
                "kept is elsewhere.",
            },
        )

    def _add_instance(self, template: ec2.CfnLaunchTemplate, **place: Any) -> ec2.CfnInstance:
        """Return the instance; `place` is its network and its profile."""
        name = f"{cdk.Stack.of(self).stack_name}/{self.node.id}"
        return ec2.CfnInstance(
            self,
            "Instance",
            launch_template={
                "launchTemplateId": template.ref,
                "version": template.attr_latest_version_number,
            },
            monitoring=True,
            ebs_optimized=True,
            tags=[cdk.CfnTag(key="Name", value=name)],
            propagate_tags_to_volume_on_creation=True,
            **place,
        )

    def _add_template(
        self,
        description: str,
        instance_type: str,
        volume_gib: int,
        key: kms.IKey,
        script: str | None,
    ) -> ec2.CfnLaunchTemplate:
        volume = {
            "deviceName": "/dev/xvda",
            "ebs": {
                "encrypted": True,
                "kmsKeyId": key.key_arn,
                "volumeSize": volume_gib,
                "volumeType": "gp3",
                "deleteOnTermination": True,
            },
        }
        return ec2.CfnLaunchTemplate(
            self,
            "Template",
            version_description=description[:255],
            launch_template_data={
                "imageId": IMAGE,
                "instanceType": instance_type,
                "blockDeviceMappings": [volume],
                "metadataOptions": {
                    "httpTokens": "required",
                    "httpPutResponseHopLimit": 1,
                    "httpEndpoint": "enabled",
                },
                **({"userData": cdk.Fn.base64(script)} if script else {}),
            },
        )


def _session_statements() -> Iterator[Statement]:
    """What the agent of Systems Manager needs for sessions and forwarded ports, no commands."""
    yield Statement(
        "ServeSessions",
        [
            "ssm:UpdateInstanceInformation",
            "ssmmessages:CreateControlChannel",
            "ssmmessages:CreateDataChannel",
            "ssmmessages:OpenControlChannel",
            "ssmmessages:OpenDataChannel",
        ],
        ["*"],
        wildcard="Channels of sessions have no ARN (Systems Manager, Session Manager).",
    )
