"""Running an example by hand, which the local run is measured against, does the same work."""

import json
import sys
from pathlib import Path

import pytest

from tools.bench_bare import EXAMPLES
from tools.bench_local import last_line, model_settings
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

    answer = json.loads(run_by_hand(tmp_path, bucket))

    output = Path(answer["output"]) / "model_evaluation_metrics.json"
    report = json.loads(output.read_text("utf-8"))
    assert report["binary_classification_metrics"]["auc"]["value"] > 0.8
    assert list(answer["seconds"]) == ["churn-training", "churn-transform", "churn-metrics"]


def test_fails_with_what_the_script_printed(tmp_path: Path) -> None:
    (tmp_path / "churn" / "test").mkdir(parents=True)
    for name in ("train", "validation"):
        (tmp_path / "churn" / name).mkdir()
    with pytest.raises(
        RuntimeError, match=r"train of churn_lightgbm failed:\n(.|\n)*no \.csv file"
    ):
        run_by_hand(tmp_path, tmp_path)


def run_by_hand(place: Path, bucket: Path) -> str:
    directory = MODELS / "churn_lightgbm"
    churn = {"directory": str(directory), "python": str(PYTHON), **model_settings(directory)}
    request = {
        "pipeline": "churn-lightgbm",
        "bucket": str(bucket),
        "place": str(place / "run"),
        "models": {"churn_lightgbm": churn},
    }
    (place / "request.json").write_text(json.dumps(request), "utf-8")
    command = (PYTHON, "-m", "tools.bench_bare", place / "request.json")
    return run_timed(command, ROOT).output


def test_a_script_gets_the_parameters_of_a_pipeline_with_their_defaults() -> None:
    settings = model_settings(MODELS / "video_recommender")
    assert settings["hyperparameters"]["feature_dim"] == "4096"
    assert settings["environment"]["FEATURE_DIM"] == "4096"


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
