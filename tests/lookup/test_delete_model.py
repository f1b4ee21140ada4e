"""The deployed code that deletes a model, with the emulator's own answers."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from smp.lookup.delete_model import handler


@pytest.fixture
def sagemaker(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("sagemaker")
        role = "arn:aws:iam::123456789012:role/jobs"
        client.create_model(
            ModelName="pipelines-1-serve",
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": "own:1"},
        )
        yield client


def test_the_model_is_deleted(sagemaker: Any) -> None:
    assert handler({"ModelName": "pipelines-1-serve"}, None) == {"Deleted": True}
    assert sagemaker.list_models()["Models"] == []


def test_a_model_that_is_gone_is_no_failure(sagemaker: Any) -> None:
    handler({"ModelName": "pipelines-1-serve"}, None)
    assert handler({"ModelName": "pipelines-1-serve"}, None) == {"Deleted": False}
    assert sagemaker.list_models()["Models"] == []


def test_fails_with_any_other_answer(sagemaker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answer: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}

    def refused(**_: Any) -> None:
        raise ClientError(answer, "DeleteModel")

    monkeypatch.setattr(sagemaker, "delete_model", refused)
    monkeypatch.setattr(boto3, "client", lambda *_, **__: sagemaker)
    with pytest.raises(ClientError, match="not authorized"):
        handler({"ModelName": "pipelines-1-serve"}, None)
