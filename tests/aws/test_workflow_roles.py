"""Roles as a workflow on GitHub takes them: a token in a file, its role, and from that the review's."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.aws.session import client, open_session
from smp.cli.authoring import scaffold_model
from tests.aws.account import Account
from tools.pull_request import main

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


@pytest.mark.slow
def test_a_review_in_a_directory_without_git_compares_with_what_is_deployed(
    account: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert account.environment
    scaffold_model(tmp_path, "fraud_check")
    options = ["--base", "deployed", "--region", "eu-west-1", "--assume-role", REVIEW]
    assert main(["review", "--workspace", str(tmp_path), "--model", "fraud_check", *options]) == 0
    review = (tmp_path / "build" / "review.md").read_text("utf-8")
    assert "fraud-check" in review
    assert review in capsys.readouterr().out
