"""Steps that look into the registry, and models of what they find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.local.jobs.approved_model import run_approved_model
from smp.local.jobs.context import StepFailure
from smp.local.jobs.model import run_model
from smp.local.store.model_registry import APPROVED, Registry
from tests.local.jobs.workspace import BUCKET, Workspace

EVENT = {"ModelPackageGroupName": "churn", "Version": "latest", "WhenNone": "fail"}


def registered(workspace: Workspace, containers: int = 1) -> str:
    """Register and approve a version; return its ARN."""
    container = {
        "Image": "churn:1",
        "ModelDataUrl": workspace.put_model({"model.txt": "1"}),
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    report = workspace.put("churn/evaluation/1/report.json", json.dumps({"auc": 0.8}))
    request = {
        "ModelPackageGroupName": "churn",
        "InferenceSpecification": {"Containers": [container] * containers},
        "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": report}}},
    }
    registry = Registry(workspace.places.registry)
    package = registry.register(request, token="t")
    registry.set_approval("churn", 1, APPROVED)
    return str(package["ModelPackageArn"])


def model_of(workspace: Workspace, arn: str) -> dict[str, Any]:
    arguments = {"PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": "r"}
    return run_model(workspace.context("make", "Model", arguments))


def test_the_version_is_an_output_and_stands_in_the_log(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    arn = registered(workspace)
    context = workspace.context("approved", "Lambda", {**EVENT, "Metric1": "auc"})
    assert run_approved_model(context)["OutputParameters"] == {
        "ModelPackageArn": arn,
        "ModelPackageVersion": 1,
        "Exists": True,
        "Metric1": 0.8,
    }
    assert workspace.lines == ["version 1 of churn"]


def test_fails_without_an_approved_version(tmp_path: Path) -> None:
    context = Workspace(tmp_path).context("approved", "Lambda", EVENT)
    with pytest.raises(StepFailure, match="smp models approve churn VERSION"):
        run_approved_model(context)


def test_fails_where_the_report_is_gone(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    registered(workspace)
    workspace.store.path_of(f"{BUCKET}/churn/evaluation/1/report.json").unlink()
    with pytest.raises(StepFailure, match="there is no object s3://smp-local/churn/evaluation/1"):
        run_approved_model(workspace.context("approved", "Lambda", {**EVENT, "Metric1": "auc"}))


def test_a_model_of_a_version_has_its_artifact_image_and_script(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    container = model_of(workspace, registered(workspace))["PrimaryContainer"]
    assert container["Image"] == "churn:1"
    assert container["ModelDataUrl"].startswith(BUCKET)
    assert container["Environment"] == {"SAGEMAKER_PROGRAM": "inference.py"}
    assert container["ModelPackageName"].endswith("churn/1")


def test_fails_for_a_version_of_several_containers(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    arn = registered(workspace, containers=2)
    with pytest.raises(StepFailure, match="version 1 of churn is not one container"):
        model_of(workspace, arn)
