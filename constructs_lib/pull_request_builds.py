"""The builds that run a pull request's files: they reach neither its repository nor a deployment.

They never hold a connection: `constructs_lib.pull_request_gateway` hands over what they check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.role_policy import RolePolicy, write_logs
from constructs_lib.trust import builds_of_this_account
from smp.definition.permissions.statement import Statement

HANDOVER_PREFIX = "pull-requests"
"""Prefix in the bucket for a change while it is checked."""

IMAGE = "aws/codebuild/standard:7.0"
PYTHON = "3.11"


@dataclass(frozen=True)
class BuildNetwork:
    """A network for builds, with a way to the package registries and to AWS."""

    vpc_id: str
    subnet_ids: tuple[str, ...]
    security_group_ids: tuple[str, ...]


@dataclass(frozen=True)
class BuildPlace:
    """What all builds of pull requests share."""

    handover: s3.IBucket
    key: kms.IKey
    log_group: logs.ILogGroup
    timeout_minutes: int
    concurrent_builds: int
    network: BuildNetwork | None = None


UNPACK = """\
set -euo pipefail
place="$(mktemp -d)"
mkdir "$place/change" "$place/app"
aws s3 cp --quiet "s3://$HANDOVER/$HANDOVER_PREFIX/$CHANGE.tar" - | tar -xC "$place/change"
tar -xzf "$place/change/app.tgz" -C "$place/app"
for archive in "$place"/change/models/*.tgz; do
  test -e "$archive" || continue
  model="$place/app/model_configs/$(basename "$archive" .tgz)"
  rm -rf "$model"
  mkdir -p "$model"
  tar -xzf "$archive" -C "$model"
done
cd "$place/app"
"""
"""Lays the change out as it will be deployed: model repositories below the app's `model_configs`."""


class PullRequestBuild(Construct):
    """One CodeBuild project without source, webhook, cache or artifact, for a target of `make`.

    No cache: what one pull request writes, no other build reads.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        description: str,
        command: str,
        place: BuildPlace,
        role_name: str | None = None,
        variables: Mapping[str, str] | None = None,
        statements: Sequence[Statement] = (),
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = build_role(self, description, role_name)
        policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description=description,
            statements=[_read_change(place), *shared_statements(self, place), *statements],
        )
        handover = {
            "HANDOVER": place.handover.bucket_name,
            "HANDOVER_PREFIX": HANDOVER_PREFIX,
            "CHANGE": "",
            "MODEL": "",
        }
        self.project = codebuild.CfnProject(
            self,
            "Project",
            description=description,
            service_role=self.role.role_arn,
            source={"type": "NO_SOURCE", "buildSpec": _buildspec(UNPACK + command)},
            environment=environment(
                {**handover, **(variables or {})}, compute_type="BUILD_GENERAL1_MEDIUM"
            ),
            timeout_in_minutes=place.timeout_minutes,
            queued_timeout_in_minutes=place.timeout_minutes,
            concurrent_build_limit=place.concurrent_builds,
            **shared_settings(place),
        )
        self.node.default_child = self.project
        self.project.node.add_dependency(*policy.resources)


def _read_change(place: BuildPlace) -> Statement:
    return Statement(
        "ReadChange",
        ["s3:GetObject"],
        [place.handover.arn_for_objects(f"{HANDOVER_PREFIX}/*")],
        wildcard="A key is the random id of the build that handed a change over; none is listed.",
    )


def shared_statements(scope: Construct, place: BuildPlace) -> list[Statement]:
    """Return what every build needs: its log, the key of the hand-over, its network."""
    stack = cdk.Stack.of(scope)
    written = write_logs(place.log_group, "WriteLog")
    key = Statement(
        "UseKey",
        ["kms:Decrypt", "kms:GenerateDataKey"],
        [place.key.key_arn],
        {"StringEquals": {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"}},
    )
    return [written, key, *(_network_statements(stack, place.network) if place.network else [])]


def _network_statements(stack: cdk.Stack, network: BuildNetwork) -> list[Statement]:
    """Return what CodeBuild needs from a role in a VPC (CodeBuild user guide, VPC support)."""
    subnets = [
        stack.format_arn(service="ec2", resource="subnet", resource_name=subnet)
        for subnet in network.subnet_ids
    ]
    return [
        Statement(
            "SeeNetwork",
            [
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            ["*"],
            wildcard="CodeBuild creates interfaces with these; Describe actions have no resource.",
        ),
        Statement(
            "AttachNetwork",
            ["ec2:CreateNetworkInterfacePermission"],
            [stack.format_arn(service="ec2", resource="network-interface", resource_name="*")],
            {
                "StringEquals": {"ec2:AuthorizedService": "codebuild.amazonaws.com"},
                "ArnEquals": {"ec2:Subnet": subnets},
            },
            wildcard="The interface has no id before it is made; its subnets are named.",
        ),
    ]


def build_role(scope: Construct, description: str, role_name: str | None = None) -> iam.Role:
    """Return a role for builds of this account."""
    return iam.Role(
        scope,
        "Role",
        role_name=role_name,
        description=description,
        assumed_by=builds_of_this_account(scope),
    )


def environment(
    variables: Mapping[str, str], *, compute_type: str
) -> codebuild.CfnProject.EnvironmentProperty:
    """Return a container without privileges, with plain variables: no build is given a secret."""
    return codebuild.CfnProject.EnvironmentProperty(
        type="LINUX_CONTAINER",
        image=IMAGE,
        compute_type=compute_type,
        privileged_mode=False,
        environment_variables=[
            codebuild.CfnProject.EnvironmentVariableProperty(name=name, value=value)
            for name, value in variables.items()
        ],
    )


def shared_settings(place: BuildPlace) -> dict[str, Any]:
    """Return what every project has alike: no artifacts, its key, its logs, its network."""
    return {
        "artifacts": {"type": "NO_ARTIFACTS"},
        "encryption_key": place.key.key_arn,
        "logs_config": _logs_config(place),
        "vpc_config": _vpc_config(place),
    }


def _logs_config(place: BuildPlace) -> codebuild.CfnProject.LogsConfigProperty:
    return codebuild.CfnProject.LogsConfigProperty(
        cloud_watch_logs=codebuild.CfnProject.CloudWatchLogsConfigProperty(
            status="ENABLED", group_name=place.log_group.log_group_name
        )
    )


def _vpc_config(place: BuildPlace) -> codebuild.CfnProject.VpcConfigProperty | None:
    network = place.network
    if network is None:
        return None
    return codebuild.CfnProject.VpcConfigProperty(
        vpc_id=network.vpc_id,
        subnets=list(network.subnet_ids),
        security_group_ids=list(network.security_group_ids),
    )


def _buildspec(commands: str) -> str:
    spec = codebuild.BuildSpec.from_object_to_yaml(
        {
            "version": "0.2",
            "env": {"shell": "bash"},
            "phases": {
                "install": {"runtime-versions": {"python": PYTHON}},
                "build": {"commands": [commands]},
            },
        }
    )
    return spec.to_build_spec()
