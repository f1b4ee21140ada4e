"""Customer managed policies of one role, in which every wildcard carries its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge, reported
from smp.definition.permissions.policy_size import MAX_POLICY_CHARACTERS, Sized, in_policies
from smp.definition.permissions.statement import Statement
from smp.errors import Problem, SetupError

MAX_POLICIES = 8
"""A role has at most 10 managed policies by default (IAM quotas); the rest is for its other policies."""


class RolePolicy(Construct):
    """The permissions of one role, as managed policies so that they can be read in one place.

    One policy, unless the statements are longer than IAM allows: then as many as it takes. A grant is
    never made wider so that it fits.
    """

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
        policies = in_policies(_sized(self, granted))
        _check_number(description, len(policies))
        self.resources = tuple(
            self._add_policy(f"Resource{number or ''}", role, description, policy)
            for number, policy in enumerate(policies)
        )
        """What must exist before the role is used."""

    def _add_policy(
        self, construct_id: str, role: iam.IRole, description: str, policy: Sequence[Sized]
    ) -> iam.CfnManagedPolicy:
        added = iam.CfnManagedPolicy(
            self,
            construct_id,
            description=description,
            policy_document={
                "Version": "2012-10-17",
                "Statement": [sized.statement.to_json() for sized in policy],
            },
            roles=[role.role_name],
        )
        acknowledge(
            added,
            {
                f"AwsSolutions-IAM5[Resource::{resource}]": sized.statement.wildcard or ""
                for sized in policy
                for resource in sized.shown
                if "*" in resource
            },
        )
        return added


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


def _sized(scope: Construct, statements: Sequence[Statement]) -> list[Sized]:
    """Return each statement with its resources as findings name them."""
    every = iter(reported(scope, [arn for item in statements for arn in item.resources]))
    return [Sized(item, [next(every) for _ in item.resources]) for item in statements]


def _check_number(description: str, number: int) -> None:
    if number > MAX_POLICIES:
        raise SetupError(
            [
                Problem(
                    f"the permissions '{description}' are too many for one role",
                    found=f"{number} managed policies of {MAX_POLICY_CHARACTERS} characters",
                    allowed=f"{MAX_POLICIES} managed policies",
                    hint="read the data under fewer prefixes, or bring an own job role",
                )
            ]
        )
