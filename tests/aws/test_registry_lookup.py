"""The lookup as it is deployed: with real clients, against an emulated account."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from smp.lookup.approved_model import LookupFailure, handler
from tests.aws.account import Account

GROUP = "churn"
EVENT = {"ModelPackageGroupName": GROUP, "Version": "latest", "WhenNone": "fail"}
REPORT = "churn/evaluation/run-1/report.json"


@pytest.fixture
def sagemaker(account: Account, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry with a group, and a report in a bucket."""
    assert account
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="reports")
    s3.put_object(Bucket="reports", Key=REPORT, Body=json.dumps({"auc": {"value": 0.84}}))
    client = boto3.client("sagemaker")
    client.create_model_package_group(ModelPackageGroupName=GROUP)
    return client


def register(sagemaker: Any, status: str) -> str:
    created = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelApprovalStatus=status,
        InferenceSpecification={
            "Containers": [{"Image": "churn:1", "ModelDataUrl": "s3://models/churn/1/model.tar.gz"}]
        },
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {
                    "ContentType": "application/json",
                    "S3Uri": f"s3://reports/{REPORT}",
                }
            }
        },
    )
    return str(created["ModelPackageArn"])


def test_the_newest_approved_version_is_found_with_its_metrics(sagemaker: Any) -> None:
    register(sagemaker, "Approved")
    arn = register(sagemaker, "Approved")
    register(sagemaker, "PendingManualApproval")
    event = {**EVENT, "Artifacts": "s3://models/churn/", "Metric1": "auc.value"}
    assert handler(event, None) == {
        "ModelPackageArn": arn,
        "ModelPackageVersion": 2,
        "Exists": True,
        "Metric1": 0.84,
    }


def test_a_pinned_version_is_found(sagemaker: Any) -> None:
    arn = register(sagemaker, "Approved")
    register(sagemaker, "Approved")
    assert handler({**EVENT, "Version": "1"}, None)["ModelPackageArn"] == arn


def test_fails_where_nothing_is_approved(sagemaker: Any) -> None:
    register(sagemaker, "Rejected")
    with pytest.raises(LookupFailure, match="has no approved version: approve one"):
        handler(EVENT, None)
    assert handler({**EVENT, "WhenNone": "continue"}, None)["Exists"] is False
