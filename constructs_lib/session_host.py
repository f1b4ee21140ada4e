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


REPLACED = {
    "AwsSolutions-EC29": "A deployment replaces it when its script changes; what is to be kept is "
    "elsewhere."
}


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
        signal_timeout: cdk.Duration | None = None,
    ) -> None:
        """With `signal_timeout`, the deployment waits for the script's signal and fails without it.

        The script then begins with `STACK_NAME` and `INSTANCE_RESOURCE`, for which it signals.
        """
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
            statements=[*_session_statements(), *statements, *self._signals(signal_timeout)],
        )
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[self.role.role_name])
        self.instance = self._add_instance(
            iam_instance_profile=profile.ref,
            subnet_id=subnet_id,
            security_group_ids=[security_group_id],
        )
        if script and signal_timeout is not None:
            script = self._with_signal(script, signal_timeout)
        template = self._add_template(description, instance_type, volume_gib, key, script)
        self.instance.launch_template = ec2.CfnInstance.LaunchTemplateSpecificationProperty(
            launch_template_id=template.ref, version=template.attr_latest_version_number
        )
        self.node.default_child = self.instance
        self.instance.node.add_dependency(*policy.resources, *needs)
        acknowledge(self.instance, REPLACED)

    def _with_signal(self, script: str, timeout: cdk.Duration) -> str:
        """Let the deployment wait, and return the script with the names that it signals for."""
        self.instance.cfn_options.creation_policy = cdk.CfnCreationPolicy(
            resource_signal=cdk.CfnResourceSignal(count=1, timeout=timeout.to_iso_string())
        )
        stack = cdk.Stack.of(self)
        names = (
            f"STACK_NAME='{stack.stack_name}'",
            f"INSTANCE_RESOURCE='{stack.get_logical_id(self.instance)}'",
        )
        first, _, rest = script.partition("\n")
        return "\n".join([first, *names, rest])

    def _signals(self, timeout: cdk.Duration | None) -> Iterator[Statement]:
        if timeout is not None:
            stack = cdk.Stack.of(self)
            arn = stack.format_arn(
                service="cloudformation", resource="stack", resource_name=f"{stack.stack_name}/*"
            )
            yield Statement(
                "SignalStack",
                ["cloudformation:SignalResource"],
                [arn],
                wildcard="CloudFormation ends the ARN of a stack with an ID.",
            )

    def _add_instance(self, **place: Any) -> ec2.CfnInstance:
        """Return the instance without its template; `place` is its network and its profile."""
        name = f"{cdk.Stack.of(self).stack_name}/{self.node.id}"
        return ec2.CfnInstance(
            self,
            "Instance",
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
