"""`smp run` and `smp mlflow` with MLflow: only where it is asked for, and never in the run's way."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import RunSmp

BAD = "nonsense://x"


@pytest.fixture
def ready(compiled_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace of one's own whose pipeline is compiled; its data is not staged, so its run fails.

    Without packages of its own: nothing is to be installed.
    """
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workspace = Path(shutil.copytree(compiled_workspace, tmp_path / "ready"))
    (workspace / "model_configs" / "fraud_check" / "requirements-local.txt").unlink()
    return workspace


def test_without_a_tracking_uri_mlflow_is_never_imported(
    run_smp: RunSmp, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import would fail here, and the failure would be a warning."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    done = run_smp("run", "fraud-check", "--workspace", ready)
    assert done.status == 1
    assert "mlflow" not in done.err.lower()
    asked = run_smp("run", "fraud-check", "--mlflow", "file:x", "--workspace", ready)
    assert asked.status == 1
    assert "hint: pip install mlflow" in asked.err


def test_fails_to_log_with_a_warning_after_the_run(run_smp: RunSmp, ready: Path) -> None:
    done = run_smp("run", "fraud-check", "--mlflow", BAD, "--workspace", ready)
    assert done.status == 1
    assert "was not logged to MLflow at nonsense://x: " in done.err.partition("warning: ")[2]
    again = run_smp("mlflow", "last", "--uri", BAD, "--workspace", ready)
    assert (again.status, again.out) == (1, "")


def test_the_environment_names_the_store_and_a_run_is_logged_again_later(
    run_smp: RunSmp, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnamed = run_smp("run", "fraud-check", "--workspace", ready)
    assert unnamed.status == 1
    refused = run_smp("mlflow", "last", "--workspace", ready)
    assert refused.status == 1
    assert "no MLflow server or store is named" in refused.err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (ready / "mlruns").as_uri())
    later = run_smp("mlflow", "last", "--workspace", ready)
    assert (later.status, later.err) == (0, "")
    assert later.out.startswith("MLflow: experiment fraud-check, run ")
    run = run_smp("run", "fraud-check", "--workspace", ready)
    assert run.status == 1
    assert "MLflow: experiment fraud-check, run " in run.err
