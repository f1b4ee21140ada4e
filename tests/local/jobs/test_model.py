"""Model steps: what they keep and what they check."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.local.jobs.context import StepFailure
from smp.local.jobs.model import find_model, run_model
from tests.local.jobs.workspace import BUCKET, Workspace


def test_a_later_step_finds_the_model(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    container = {"Image": "i", "ModelDataUrl": workspace.put_model({"w": "1"})}
    arguments = {"PrimaryContainer": container, "ExecutionRoleArn": "r"}
    described = run_model(workspace.context("make", "Model", arguments))
    assert described == find_model(workspace.places, described["ModelName"])
    assert described["PrimaryContainer"] == container
    assert described["ModelArn"].endswith(f":model/{described['ModelName']}")


@pytest.mark.parametrize(
    "data",
    [
        {"ModelDataUrl": f"{BUCKET}/gone/model.tar.gz"},
        {"ModelDataSource": {"S3DataSource": {"S3Uri": f"{BUCKET}/gone/model.tar.gz"}}},
    ],
)
def test_fails_without_its_artifact(tmp_path: Path, data: dict[str, object]) -> None:
    workspace = Workspace(tmp_path)
    arguments = {"PrimaryContainer": {"Image": "i", **data}}
    with pytest.raises(StepFailure, match=f"could not find model data at {BUCKET}/gone/model"):
        run_model(workspace.context("make", "Model", arguments))
    assert not (workspace.places.root / "models").exists()
