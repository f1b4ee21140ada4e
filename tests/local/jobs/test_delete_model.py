"""Steps that delete a model, and what is left of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.local.jobs.context import StepFailure
from smp.local.jobs.delete_model import run_delete_model
from smp.local.jobs.model import find_model, run_model
from tests.local.jobs.workspace import Workspace


def made(workspace: Workspace) -> dict[str, Any]:
    container = {"Image": "own:1", "ModelDataUrl": workspace.put_model({"model.txt": "1"})}
    arguments = {"PrimaryContainer": container, "ExecutionRoleArn": "r"}
    return run_model(workspace.context("make", "Model", arguments))


def test_the_model_is_gone_and_its_artifact_stays(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    model = made(workspace)
    name = model["ModelName"]
    context = workspace.context("remove", "Lambda", {"ModelName": name})
    assert run_delete_model(context) == {"OutputParameters": {"Deleted": True}}
    assert workspace.lines == [f"deleted model {name}"]
    assert context.store.list(model["PrimaryContainer"]["ModelDataUrl"])
    with pytest.raises(StepFailure, match=f"there is no model '{name}'"):
        find_model(workspace.places, name)


def test_a_model_that_is_gone_is_no_failure(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    arguments = {"ModelName": made(workspace)["ModelName"]}
    run_delete_model(workspace.context("remove", "Lambda", arguments))
    again = run_delete_model(workspace.context("again", "Lambda", arguments))
    assert again == {"OutputParameters": {"Deleted": False}}
