"""Running an example by hand, which the local run is measured against, does the same work."""

import json
import sys
from pathlib import Path

import pytest

from tools.bench_bare import EXAMPLES
from tools.bench_local import last_line
from tools.bench_process import run_timed
from tools.bench_workspace import ROOT

PYTHON = Path(sys.executable)
MODELS = ROOT / "model_configs"


OF_ANOTHER = "churn-batch"
"""It cannot run by hand: it uses the model that another example registered and somebody approved."""


def test_every_bundled_pipeline_is_measured() -> None:
    anchors = {
        line.split(":")[1].strip()
        for conf in MODELS.glob("*/conf/conf.yaml")
        for line in conf.read_text("utf-8").splitlines()
        if line.strip().startswith("pipelineName:")
    }
    assert set(EXAMPLES) == anchors - {OF_ANOTHER}


@pytest.mark.slow
def test_by_hand_churn_comes_to_the_metrics_that_its_readme_names(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm", reason="the churn scripts train with LightGBM")
    bucket = tmp_path / "bucket"
    prepare = MODELS / "churn_lightgbm" / "prepare_data.py"
    run_timed((PYTHON, prepare, "--output", bucket), tmp_path)

    output = EXAMPLES["churn-lightgbm"](MODELS, bucket, lambda _: PYTHON, tmp_path / "run")

    report = json.loads((output / "model_evaluation_metrics.json").read_text("utf-8"))
    assert report["binary_classification_metrics"]["auc"]["value"] > 0.8


def test_fails_with_what_the_script_printed(tmp_path: Path) -> None:
    (tmp_path / "churn" / "test").mkdir(parents=True)
    for name in ("train", "validation"):
        (tmp_path / "churn" / name).mkdir()
    with pytest.raises(
        RuntimeError, match=r"train of churn_lightgbm failed:\n(.|\n)*no \.csv file"
    ):
        EXAMPLES["churn-lightgbm"](MODELS, tmp_path, lambda _: PYTHON, tmp_path / "run")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Looking in indexes\nERROR: a | b is not there\n\n", "ERROR: a / b is not there"),
        ("x" * 500, "x" * 160),
        ("\n", "no reason is known"),
    ],
)
def test_a_reason_fits_into_the_table(text: str, reason: str) -> None:
    assert last_line(text) == reason
