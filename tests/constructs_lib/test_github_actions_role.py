"""Whom the role for GitHub's workflows trusts, and what it may do."""

from __future__ import annotations

from typing import Any

from tests.constructs_lib.conftest import ACCOUNT, ALONE, PARTS, REVIEW_ROLE
from tests.stacks.synthesis import Synthesis, shown


def trust(parts: Synthesis, stack: str) -> dict[str, Any]:
    (role,) = (
        role["Properties"]
        for name, role in parts.resources(stack, "AWS::IAM::Role").items()
        if name.startswith("GithubActionsRole")
    )
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    return dict(statement)


def test_only_runs_of_pull_requests_of_named_repositories_take_it(parts: Synthesis) -> None:
    statement = trust(parts, PARTS)
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": [
                "repo:example-org/pipelines:pull_request",
                "repo:example-org@12/fraud@34:pull_request",
            ],
        }
    }


def test_it_may_take_the_review_role_and_nothing_else(parts: Synthesis) -> None:
    (statement,) = parts.statements(PARTS, "GithubActionsPolicy").values()
    assert (statement["Action"], statement["Resource"]) == (["sts:AssumeRole"], [REVIEW_ROLE])


def test_a_provider_is_made_or_the_one_that_is_there_is_used(parts: Synthesis) -> None:
    (name,) = parts.resources(PARTS, "AWS::IAM::OIDCProvider")
    assert shown(trust(parts, PARTS)["Principal"]) == {"Federated": f"<{name}.Arn>"}
    assert parts.resources(ALONE, "AWS::IAM::OIDCProvider") == {}
    assert trust(parts, ALONE)["Principal"] == {
        "Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    }
