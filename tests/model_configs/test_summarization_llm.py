"""summarization_llm end to end on a tiny model: stage, preprocess, tune, serve; and its gate."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

import pytest

REASON = "the tuning scripts need PyTorch, which the project's lock leaves out"
pytest.importorskip("torch", reason=REASON)
pytest.importorskip("transformers", reason=REASON)
pytest.importorskip("peft", reason=REASON)

MODEL = Path(__file__).parents[2] / "model_configs" / "summarization_llm"
CHANNEL = "SM_CHANNEL_SUMMARIZATION_PREPROCESS_"

RunScript = Callable[..., CompletedProcess[str]]
LoadModule = Callable[[Path], ModuleType]
ScrapeMetrics = Callable[[Path, str], dict[str, list[float]]]


@dataclass(frozen=True)
class Preprocessed:
    """The /opt/ml/processing of the preprocessing job after it ran, and what it printed."""

    processing: Path
    log: str

    @property
    def channels(self) -> dict[str, str]:
        """The variables by which the tuning job finds its channels."""
        output = self.processing / "output"
        return {
            CHANNEL + name.upper(): str(output / name) for name in ("train", "test", "base_model")
        }


def run_tuning(
    run_script: RunScript, preprocessed: Preprocessed, model_dir: Path, *options: str, check: bool
) -> CompletedProcess[str]:
    return run_script(
        MODEL / "scripts" / "train.py",
        *("--model_id", "summarization_preprocess_base_model", *options),
        env={**preprocessed.channels, "SM_MODEL_DIR": str(model_dir)},
        check=check,
        # peft 0.21 asks transformers 5.23 for a property under its old name.
        allowed_warnings=("`is_gradient_checkpointing`:FutureWarning",),
    )


@pytest.fixture(scope="module")
def preprocessed(run_script: RunScript, tmp_path_factory: pytest.TempPathFactory) -> Preprocessed:
    root = tmp_path_factory.mktemp("llm")
    run_script(MODEL / "prepare_data.py", "--output", str(root / "bucket"))
    processing = root / "processing"
    shutil.copytree(
        root / "bucket" / "summarization" / "raw", processing / "input" / "raw_dialogues"
    )
    done = run_script(
        MODEL / "scripts" / "preprocess.py",
        env={"PROCESSING_DIR": str(processing), "MODEL_ID": "some/model", "MAX_LENGTH": "256"},
    )
    return Preprocessed(processing, done.stdout)


def test_model_staged_beside_the_data_is_preferred(preprocessed: Preprocessed) -> None:
    assert "staged beside the data; MODEL_ID some/model is not used" in preprocessed.log


def test_labels_cover_the_summary_alone(preprocessed: Preprocessed) -> None:
    lines = (preprocessed.processing / "output" / "test" / "test.jsonl").read_text("utf-8")
    row = json.loads(lines.splitlines()[0])
    prompt_length = row["labels"].count(-100)
    assert row["labels"] == [-100] * prompt_length + row["input_ids"][prompt_length:]
    assert 0 < prompt_length < len(row["labels"])


def test_tuned_model_passes_the_gate_and_serves(
    preprocessed: Preprocessed,
    run_script: RunScript,
    load_module: LoadModule,
    scrape_metrics: ScrapeMetrics,
    tmp_path: Path,
) -> None:
    # A higher learning rate than the conf's: the tiny model has much to learn in two rounds.
    options = ("--max_eval_loss", "2.0", "--epochs", "2", "--learning_rate", "0.005")
    done = run_tuning(run_script, preprocessed, tmp_path, *options, check=True)
    metrics = scrape_metrics(MODEL, done.stdout)
    assert metrics["base_loss"] > [2.0]
    assert metrics["eval_loss"] <= [2.0]
    assert len(metrics["train_loss"]) == 2
    assert (tmp_path / "adapter" / "adapter_config.json").is_file()

    module = load_module(tmp_path / "code" / "inference.py")
    model = module.model_fn(str(tmp_path))
    raw = preprocessed.processing / "input" / "raw_dialogues" / "test.jsonl"
    known = json.loads(raw.read_text("utf-8").splitlines()[0])
    request = json.dumps({"dialogues": [known["dialogue"]]})
    summaries = module.predict_fn(module.input_fn(request, "application/json"), model)
    served = json.loads(module.output_fn(summaries, "application/json"))
    assert len(served["summaries"]) == 1
    assert "ordered" in served["summaries"][0]


def test_fails_above_the_threshold_and_saves_nothing(
    preprocessed: Preprocessed, run_script: RunScript, tmp_path: Path
) -> None:
    options = ("--max_eval_loss", "0.01", "--epochs", "1")
    done = run_tuning(run_script, preprocessed, tmp_path, *options, check=False)
    assert done.returncode == 1
    assert "is above the threshold max_eval_loss=0.01: the model is not saved" in done.stderr
    assert not list(tmp_path.iterdir())


def test_fails_when_no_row_is_short_enough(
    preprocessed: Preprocessed, run_script: RunScript, tmp_path: Path
) -> None:
    shutil.copytree(preprocessed.processing / "input", tmp_path / "input")
    env = {"PROCESSING_DIR": str(tmp_path), "MODEL_ID": "some/model", "MAX_LENGTH": "8"}
    done = run_script(MODEL / "scripts" / "preprocess.py", env=env, check=False)
    assert done.returncode == 1
    assert "no row of train.jsonl fits into 8 tokens: raise MAX_LENGTH" in done.stderr


def test_fails_on_a_request_without_dialogues(load_module: LoadModule) -> None:
    module = load_module(MODEL / "scripts" / "inference.py")
    with pytest.raises(ValueError, match="the request must be"):
        module.input_fn("[]", "application/json")
