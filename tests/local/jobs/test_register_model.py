"""RegisterModel steps: versions in the local registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import ModelPackageGroup
from smp.errors import RunError
from smp.local.jobs.context import StepFailure
from smp.local.jobs.register_model import run_register
from smp.local.store.model_registry import Registry
from tests.local.jobs.workspace import BUCKET, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


def request(workspace: Workspace, **changes: Any) -> dict[str, Any]:
    """Return the request of a RegisterModel step as the compiler writes it."""
    return {
        "ModelPackageGroupName": "churn",
        "ModelMetrics": {
            "ModelQuality": {
                "Statistics": {
                    "ContentType": "application/json",
                    "S3Uri": workspace.put("report.json", '{"auc": {"value": 0.8}}'),
                }
            },
            "Bias": {},
        },
        "CustomerMetadataProperties": {"PIPELINE_ARN": "arn"},
        "InferenceSpecification": {
            "Containers": [{"Image": "i", "ModelDataUrl": workspace.put_model({"w": "1"})}],
            "SupportedContentTypes": ["text/csv"],
        },
        "ModelApprovalStatus": "PendingManualApproval",
        **changes,
    }


def test_registers_a_version_with_its_metrics(workspace: Workspace) -> None:
    groups = (ModelPackageGroup("churn", "who leaves"),)
    arguments = request(workspace)
    described = run_register(
        workspace.context("register", "RegisterModel", arguments, groups=groups)
    )
    registry = Registry(workspace.places.registry)
    assert described["ModelPackageArn"].endswith(":model-package/churn/1")
    assert described["ModelPackageStatus"] == "Completed"
    assert registry.list_groups()[0]["ModelPackageGroupDescription"] == "who leaves"
    shown = registry.show("churn", 1, workspace.store)
    assert shown["MetricValues"] == {"ModelQuality.Statistics": {"auc": {"value": 0.8}}}
    assert {**described, **arguments} == described
    assert workspace.lines == ["version 1 of churn: PendingManualApproval"]


def test_a_step_that_runs_again_finds_its_version(workspace: Workspace) -> None:
    arguments = request(workspace)
    numbers = [
        run_register(workspace.context("register", "RegisterModel", arguments, run=run))[
            "ModelPackageVersion"
        ]
        for run in ("run-1", "run-1", "run-2", "run-1")
    ]
    assert numbers == [1, 1, 2, 1]


def test_says_that_a_report_is_missing(workspace: Workspace) -> None:
    report = {"ModelQuality": {"Statistics": {"S3Uri": f"{BUCKET}/gone.json"}}}
    arguments = request(workspace, ModelMetrics=report)
    context = workspace.context("register", "RegisterModel", arguments)
    run_register(context)
    [warning] = context.warnings
    assert f"names the report {BUCKET}/gone.json, which does not exist" in warning
    registry = Registry(workspace.places.registry)
    assert registry.show("churn", 1, workspace.store)["MetricValues"] == {}


def test_a_report_that_is_not_json_is_named_with_the_version(workspace: Workspace) -> None:
    report = {"ModelQuality": {"Statistics": {"S3Uri": f"{BUCKET}/bad.json"}}}
    arguments = request(workspace, ModelMetrics=report)
    file = workspace.store.path_of(f"{BUCKET}/bad.json")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"auc": NaN}')
    context = workspace.context("register", "RegisterModel", arguments)
    run_register(context)
    [warning] = context.warnings
    assert f"names the report {BUCKET}/bad.json, which is not JSON" in warning
    shown = Registry(workspace.places.registry).show("churn", 1, workspace.store)
    problem = {"Problem": "is not JSON: NaN is not a finite number"}
    assert shown["MetricValues"] == {"ModelQuality.Statistics": problem}


def test_fails_without_the_artifact(workspace: Workspace) -> None:
    specification = {"Containers": [{"ModelDataUrl": f"{BUCKET}/gone.tar.gz"}]}
    arguments = request(workspace, InferenceSpecification=specification)
    with pytest.raises(StepFailure, match="could not find model data at"):
        run_register(workspace.context("register", "RegisterModel", arguments))
    assert Registry(workspace.places.registry).list_groups() == []


def test_fails_without_a_group(workspace: Workspace) -> None:
    arguments = request(workspace, ModelPackageGroupName="")
    with pytest.raises(RunError, match="the registry keeps versions of groups only"):
        run_register(workspace.context("register", "RegisterModel", arguments))
