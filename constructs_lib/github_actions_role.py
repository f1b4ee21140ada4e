"""The role that pull request workflows of GitHub take by OpenID Connect: no stored key, read-only.

It never trusts a branch, a tag or another repository: only runs of pull requests.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.role_policy import RolePolicy
from smp.definition.permissions.statement import Statement

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"


class GithubActionsRole(Construct):
    """May take the review role of one environment, and nothing else.

    GitHub gives the token to workflows of pull requests from branches of the repository itself;
    those from forks get none.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        role_name: str,
        repositories: Sequence[str],
        review_role_arn: str,
        provider_arn: str | None = None,
    ) -> None:
        """`repositories` as `owner/name`, or `owner@id/name@id` where tokens carry the ids.

        An account holds one provider for GitHub: `provider_arn` names one that is there already.
        """
        super().__init__(scope, construct_id)
        self.provider_arn = provider_arn or self._add_provider()
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            description="Pull request workflows on GitHub: may read what is deployed",
            assumed_by=iam.WebIdentityPrincipal(
                self.provider_arn,
                {
                    "StringEquals": {
                        f"{ISSUER}:aud": AUDIENCE,
                        f"{ISSUER}:sub": [f"repo:{name}:pull_request" for name in repositories],
                    }
                },
            ),
            max_session_duration=cdk.Duration.hours(1),
        )
        self.node.default_child = self.role.node.default_child
        self.policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description="Pull request workflows on GitHub: read what is deployed",
            statements=[Statement("TakeReviewRole", ["sts:AssumeRole"], [review_role_arn])],
        )

    def _add_provider(self) -> str:
        provider = iam.CfnOIDCProvider(
            self, "Provider", url=f"https://{ISSUER}", client_id_list=[AUDIENCE]
        )
        return provider.attr_arn
