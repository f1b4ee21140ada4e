"""The role that reads what is deployed in one environment, so that a change can be compared with it.

It never reads data, models or secrets, and never changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.role_policy import RolePolicy
from constructs_lib.trust import named_roles
from smp.definition.compiled import CODE_PREFIX
from smp.definition.permissions.statement import Statement
from smp.definition.reserved_prefixes import DEFINITION_PREFIX


class ReviewRole(Construct):
    """Reads pipelines, their code and the templates of the environment's stacks.

    The bootstrap's lookup role is not enough and too much: it may decrypt nothing, so no code of an
    encrypted bucket, and it may read everything else of the account.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        role_name: str,
        trusted_account: str,
        trusted_roles: Sequence[str],
        stack_prefix: str,
        bucket: s3.IBucket,
        key: kms.IKey,
    ) -> None:
        """`trusted_roles` are names in `trusted_account`: of builds and workflows that take this one."""
        super().__init__(scope, construct_id)
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            description="Reads what is deployed, for reviews of changes",
            assumed_by=named_roles(self, trusted_account, trusted_roles),
            max_session_duration=cdk.Duration.hours(1),
        )
        self.node.default_child = self.role.node.default_child
        self.policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description="Reads what is deployed, for reviews of changes",
            statements=_statements(cdk.Stack.of(self), stack_prefix, bucket, key),
        )


def _statements(
    stack: cdk.Stack, stack_prefix: str, bucket: s3.IBucket, key: kms.IKey
) -> Iterator[Statement]:
    yield Statement(
        "ReadPipelines",
        ["sagemaker:DescribePipeline", "sagemaker:ListTags"],
        [_any(stack, "pipeline")],
        wildcard="A change may name any pipeline, also one that is not deployed yet.",
    )
    yield from _read_triggers(stack)
    yield Statement(
        "ReadModelGroups",
        ["sagemaker:DescribeModelPackageGroup"],
        [_any(stack, "model-package-group")],
        wildcard="A change may name any group of models; its versions are not read.",
    )
    yield Statement(
        "SeeRoutes",
        ["ec2:DescribeRouteTables"],
        ["*"],
        wildcard="The action has no resource. It shows which subnets have a route to the internet.",
    )
    yield _read_templates(stack, stack_prefix)
    yield from _read_code(stack, bucket, key)


def _read_triggers(stack: cdk.Stack) -> Iterator[Statement]:
    yield Statement(
        "ListTriggers",
        ["events:ListRuleNamesByTarget", "scheduler:ListSchedules"],
        ["*"],
        wildcard="Both take no resource (service authorization reference of EventBridge, Scheduler).",
    )
    yield Statement(
        "ReadTriggers",
        ["events:DescribeRule", "events:ListTargetsByRule", "scheduler:GetSchedule"],
        [
            stack.format_arn(service="events", resource="rule", resource_name="*"),
            stack.format_arn(service="scheduler", resource="schedule", resource_name="*"),
        ],
        wildcard="Rules and schedules have the names of pipelines, which a change may name newly.",
    )


def _read_templates(stack: cdk.Stack, stack_prefix: str) -> Statement:
    stacks = stack.format_arn(
        service="cloudformation", resource="stack", resource_name=f"{stack_prefix}-*"
    )
    return Statement(
        "ReadTemplates",
        [
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeStackResources",
            "cloudformation:GetTemplate",
            "cloudformation:ListStackResources",
        ],
        [stacks],
        wildcard="All stacks of this environment; an ARN of a stack ends in an unknown id.",
    )


def _read_code(stack: cdk.Stack, bucket: s3.IBucket, key: kms.IKey) -> Iterator[Statement]:
    prefixes = (CODE_PREFIX, DEFINITION_PREFIX)
    yield Statement(
        "ReadCode",
        ["s3:GetObject"],
        [bucket.arn_for_objects(f"{prefix}/*") for prefix in prefixes],
        wildcard="Keys below these prefixes are hashes of content; data has other prefixes.",
    )
    yield Statement(
        "ListCode",
        ["s3:ListBucket"],
        [bucket.bucket_arn],
        {"StringLike": {"s3:prefix": [f"{prefix}/*" for prefix in prefixes]}},
    )
    yield Statement(
        "DecryptCode",
        ["kms:Decrypt"],
        [key.key_arn],
        {"StringEquals": {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"}},
    )


def _any(stack: cdk.Stack, kind: str) -> str:
    return stack.format_arn(service="sagemaker", resource=kind, resource_name="*")
