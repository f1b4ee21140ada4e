"""A customer managed policy whose every wildcard carries its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge, reported
from smp.definition.permissions.statement import Statement
from smp.errors import Problem, SetupError

MAX_POLICY_CHARACTERS = 6144
"""A managed policy's size without white space (IAM quotas)."""


class RolePolicy(Construct):
    """The permissions of one role, as a managed policy so that they can be read in one place."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        role: iam.IRole,
        description: str,
        statements: Iterable[Statement],
    ) -> None:
        super().__init__(scope, construct_id)
        granted = [statement for statement in statements if statement.resources]
        self.resource = iam.CfnManagedPolicy(
            self,
            "Resource",
            description=description,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [statement.to_json() for statement in granted],
            },
            roles=[role.role_name],
        )
        shown = _reported(self, granted)
        _check_size(description, granted, shown)
        acknowledge(
            self.resource,
            {
                f"AwsSolutions-IAM5[Resource::{resource}]": statement.wildcard or ""
                for statement, resources in zip(granted, shown, strict=True)
                for resource in resources
                if "*" in resource
            },
        )


def write_logs(
    log_group: logs.ILogGroup,
    sid: str = "WriteLogs",
    actions: Sequence[str] = ("logs:CreateLogStream", "logs:PutLogEvents"),
) -> Statement:
    """Return what a role needs to write to one log group."""
    return Statement(
        sid,
        actions,
        [log_group.log_group_arn],
        wildcard="The ARN of a log group ends in :*, which means its streams.",
    )


def _reported(scope: Construct, statements: Sequence[Statement]) -> list[list[str]]:
    """Return the resources of each statement as findings name them."""
    every = iter(reported(scope, [arn for item in statements for arn in item.resources]))
    return [[next(every) for _ in statement.resources] for statement in statements]


def _check_size(description: str, statements: Sequence[Statement], shown: list[list[str]]) -> None:
    size = sum(
        len(str({**statement.to_json(), "Resource": resources}).replace(" ", ""))
        for statement, resources in zip(statements, shown, strict=True)
    )
    if size > MAX_POLICY_CHARACTERS:
        raise SetupError(
            [
                Problem(
                    f"the policy '{description}' is too large for IAM",
                    found=f"about {size} characters",
                    allowed=f"{MAX_POLICY_CHARACTERS} characters",
                    hint="keep the data that it reads under fewer prefixes, or bring an own job role",
                )
            ]
        )
