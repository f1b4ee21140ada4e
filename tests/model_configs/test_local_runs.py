"""The bundled pipelines through `smp stage` and `smp run`: real data, real training, a registered model.

Nothing is installed. The scripts run in the tests' own Python where it has what they pin, else in the
environment that an earlier `smp run` in this checkout has built; without either an example is skipped.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from smp.local.jobs.environments import Environments

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = ROOT / ".smp" / "envs"
PINNED = re.compile(r"^([\w.-]+)==(\S+)(?: *; *(.*))?$")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Workspace:
    """A workspace with some of the bundled models."""

    root: Path

    def smp(self, *arguments: str | Path, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "smp", *map(str, arguments), "--workspace", str(self.root)],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.smp(*arguments, "--format", "json").stdout)


def missing_packages(requirements: str) -> list[str]:
    """Return what a requirements file pins and this Python has not, or has in another version."""
    missing = []
    for name, pinned, marker in filter(None, map(_pinned, requirements.splitlines())):
        if "!=" in (marker or ""):
            continue
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "none"
        if found != pinned:
            missing.append(f"{name}=={pinned} (found {found})")
    return missing


def _pinned(line: str) -> tuple[str, str, str | None] | None:
    match = PINNED.match(line)
    return (match[1], match[2], match[3]) if match else None


def workspace_of(root: Path, *models: str) -> Workspace:
    """Copy models with what their scripts need; skips where that is not there."""
    for model in models:
        source = ROOT / "model_configs" / model
        requirements = source / "requirements-local.txt"
        missing = missing_packages(requirements.read_text("utf-8"))
        built = Environments(ENVIRONMENTS, lambda _: None).has(requirements)
        if missing and not built:
            pytest.skip(
                f"{model} needs {', '.join(missing)}; `smp stage` in this checkout installs it"
            )
        left_out = ("__pycache__", *(() if missing else (requirements.name,)))
        copied = root / "model_configs" / model
        shutil.copytree(source, copied, ignore=shutil.ignore_patterns(*left_out))
    (root / ".smp").mkdir()
    (root / ".smp" / "envs").symlink_to(ENVIRONMENTS)
    return Workspace(root)


def metrics_of(shown: Mapping[str, Any]) -> dict[str, float]:
    return {name: value for step in shown["metrics"].values() for name, value in step.items()}


@pytest.fixture(scope="module")
def churn(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace after the first run."""
    workspace = workspace_of(tmp_path_factory.mktemp("churn"), "churn_lightgbm", "churn_batch")
    workspace.smp("stage", "churn-lightgbm")
    workspace.smp("run", "churn-lightgbm")
    return workspace


def test_churn_trains_a_model_that_tells_who_leaves(churn: Workspace) -> None:
    shown = churn.json("show", "last")
    assert shown["status"] == "Succeeded"
    metrics = metrics_of(shown)
    assert metrics["auc"] > 0.8
    assert metrics["valid_auc"] > 0.8
    assert metrics["accuracy"] > 0.75


def test_churn_registers_a_version_with_its_quality(churn: Workspace) -> None:
    (version_,) = churn.json("models", "list", "churn-lightgbm")
    assert version_["ModelPackageVersion"] == 1
    assert version_["ModelApprovalStatus"] == "PendingManualApproval"
    package = json.loads(churn.smp("models", "show", "churn-lightgbm").stdout)
    assert "0.84" in json.dumps(package)


def test_churn_has_a_report_and_logs(churn: Workspace, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    churn.smp("report", "last", "-o", page)
    text = page.read_text("utf-8")
    auc = metrics_of(churn.json("show", "last"))["auc"]
    assert f"{auc:.5g}" in text
    assert "churn-register-RegisterModel" in text
    log = churn.smp("logs", "last", "churn-training").stdout
    assert re.search(r"best_round=\d+; valid_auc_of_best_round=0\.8\d+;", log)


def test_churn_run_again_trains_nothing_anew(churn: Workspace) -> None:
    before = churn.json("runs")[0]["id"]
    again = churn.smp("run", "churn-lightgbm")
    assert f"churn-training: reused from run {before}" in again.stderr
    difference = churn.smp("compare", before, "last").stdout
    assert before in difference
    assert metrics_of(churn.json("show", before)) == metrics_of(churn.json("show", "last"))


def test_churn_with_a_broken_script_fails_where_it_breaks_and_is_mended(churn: Workspace) -> None:
    script = churn.root / "model_configs" / "churn_lightgbm" / "scripts" / "evaluate.py"
    whole = script.read_text("utf-8")
    script.write_text(whole.replace("def main() -> None:", "def main() -> None:\n    broken()"))
    failed = churn.smp("run", "churn-lightgbm", status=1)
    assert "churn-metrics failed: AlgorithmError" in failed.stderr
    assert "NameError: name 'broken' is not defined" in failed.stderr
    assert "churn-register-RegisterModel: skipped" in failed.stderr
    script.write_text(whole)
    churn.smp("run", "churn-lightgbm", "--from", "churn-metrics")
    statuses = [run["status"] for run in churn.json("runs")][:2]
    assert statuses == ["Succeeded", "Failed"]


def test_a_batch_waits_for_an_approved_version_and_uses_it(churn: Workspace) -> None:
    churn.smp("stage", "churn-batch")
    failed = churn.smp("run", "churn-batch", status=1)
    assert (
        "batch-approved failed: model package group 'churn-lightgbm' has no approved version"
        in failed.stderr
    )
    assert "smp models approve churn-lightgbm VERSION" in failed.stderr
    assert "batch-predict: skipped" in failed.stderr

    churn.smp("models", "approve", "churn-lightgbm", "1")
    churn.smp("run", "churn-batch")
    assert churn.json("show", "last")["status"] == "Succeeded"
    assert churn.smp("logs", "last", "batch-approved").stdout == "version 1 of churn-lightgbm\n"
    (offers,) = (churn.root / ".smp" / "s3" / "smp-local").glob("churn-batch/offers/**/offers.csv")
    head, *rows = offers.read_text("utf-8").splitlines()
    assert head == "customer_id,probability"
    assert len(rows) == 200
    assert all(float(row.partition(",")[2]) >= 0.5 for row in rows)


def test_housing_predicts_prices_from_components(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path, "housing_pca", "housing_mlp")
    workspace.smp("stage", "housing")
    workspace.smp("run", "housing")
    shown = workspace.json("show", "last")
    assert metrics_of(shown)["r2"] > 0.7
    assert {item["group"] for item in shown["registered"]} == {"housing-pca", "housing-mlp"}


@pytest.mark.parametrize("options", [(), ("--environment", "prod")], ids=["trained", "tuned"])
def test_the_recommender_beats_both_averages(
    options: tuple[str, ...], recommender: Workspace
) -> None:
    recommender.smp("run", "video-recommender", *options)
    shown = recommender.json("show", "last")
    assert shown["status"] == "Succeeded"
    metrics = metrics_of(shown)
    assert metrics["regression_metrics.rmse"] < metrics["comparison.rmse_of_item_mean"] - 0.09
    assert metrics["regression_metrics.rmse"] < metrics["comparison.rmse_of_global_mean"] - 0.18
    assert metrics["comparison.gain_over_item_mean"] > 0.1
    assert metrics["test:rmse"] < 0.88
    ran = {step["name"]: step["stand_in"] for step in shown["step_records"]}
    assert ran["recommender-training"] == "local_train.py"
    assert ran["recommender-transform"] == "local_serve.py"
    assert [item["group"] for item in shown["registered"]] == ["video-recommender"]


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace with the ratings."""
    workspace = workspace_of(tmp_path_factory.mktemp("recommender"), "video_recommender")
    workspace.smp("stage", "video-recommender")
    return workspace


def test_summarization_tunes_a_tiny_model(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path, "summarization_llm")
    workspace.smp("stage", "summarization-llm")
    workspace.smp("run", "summarization-llm")
    shown = workspace.json("show", "last")
    metrics = metrics_of(shown)
    assert metrics["eval_loss"] < metrics["base_loss"]
    assert [item["group"] for item in shown["registered"]] == ["summarization-llm"]
