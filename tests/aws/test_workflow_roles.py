"""Roles as a workflow on GitHub takes them: a token in a file, its role, and from that the review's."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.aws.session import client, open_session
from tests.aws.account import Account

WORKFLOW = "arn:aws:iam::123456789012:role/Smp-Delivery-GithubActions"
REVIEW = "arn:aws:iam::123456789012:role/Smp-dev-delivery-review"


def test_a_token_in_a_file_leads_to_the_review_role(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert account.environment
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / "aws-token"
    token.write_text("header.payload.signature", "utf-8")
    monkeypatch.setenv("AWS_ROLE_ARN", WORKFLOW)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    first = client(open_session("eu-west-1"), "sts").get_caller_identity()["Arn"]
    assert ":assumed-role/Smp-Delivery-GithubActions/" in first
    then = open_session("eu-west-1", assume_role=[REVIEW])
    assert (
        ":assumed-role/Smp-dev-delivery-review/"
        in (client(then, "sts").get_caller_identity()["Arn"])
    )
