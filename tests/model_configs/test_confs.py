"""The bundled confs name what their scripts expect: channels, inputs, hyperparameters, metrics."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

MODEL_CONFIGS = Path(__file__).parents[2] / "model_configs"
MODELS = sorted(path.parents[1] for path in MODEL_CONFIGS.glob("*/conf/conf.yaml"))
TRAINED = [model for model in MODELS if (model / "scripts" / "train.py").is_file()]
by_model = pytest.mark.parametrize("model", MODELS, ids=lambda path: path.name)


def load_conf(model: Path) -> dict[str, Any]:
    conf: dict[str, Any] = yaml.safe_load((model / "conf" / "conf.yaml").read_text("utf-8"))["conf"]
    return conf


def load_section(model: Path) -> dict[str, Any]:
    (section,) = load_conf(model)["models"].values()
    return dict(section)


def read_script(model: Path, name: str) -> str:
    return (model / "scripts" / name).read_text("utf-8")


def test_every_model_directory_is_complete() -> None:
    assert [model.name for model in MODELS] == [
        "churn_batch",
        "churn_lightgbm",
        "housing_mlp",
        "housing_pca",
        "summarization_llm",
        "video_recommender",
    ]
    for model in MODELS:
        for name in ("README.md", "prepare_data.py", "requirements-local.txt"):
            assert (model / name).is_file(), model / name


@by_model
def test_first_line_names_the_schema_for_editors(model: Path) -> None:
    first, *_ = (model / "conf" / "conf.yaml").read_text("utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=../../../schema/conf.schema.json"


@by_model
def test_entry_points_exist(model: Path) -> None:
    jobs = [part for part in load_section(model).values() if isinstance(part, dict)]
    for entry_point in (job["entry_point"] for job in jobs if "entry_point" in job):
        assert (model / "scripts" / entry_point).is_file(), entry_point


@pytest.mark.parametrize("model", TRAINED, ids=lambda path: path.name)
def test_hyperparameters_are_the_options_of_the_training_script(model: Path) -> None:
    options = re.findall(r'add_argument\(\s*"--(\w+)"', read_script(model, "train.py"))
    assert sorted(load_section(model)["train"]["hyperparameters"]) == sorted(options)


@by_model
def test_requirements_are_pinned(model: Path) -> None:
    lines = (model / "requirements-local.txt").read_text("utf-8").splitlines()
    for line in (line for line in lines if not line.startswith("#")):
        assert re.match(r"[a-z-]+==[0-9.]+( ;|$)", line), line


def test_image_of_churn_holds_the_pinned_lightgbm() -> None:
    model = MODEL_CONFIGS / "churn_lightgbm"
    pin = re.search(r"lightgbm==[0-9.]+", (model / "docker" / "Dockerfile").read_text("utf-8"))
    assert pin is not None
    assert pin.group() in (model / "requirements-local.txt").read_text("utf-8").splitlines()


@pytest.mark.parametrize(
    ("model", "script", "names"),
    [
        ("churn_batch", "preprocess.py", ["export"]),
        ("churn_batch", "check_quality.py", ["batch-predict-customers"]),
        ("churn_batch", "make_offers.py", ["batch-predict-input-customers"]),
        ("churn_lightgbm", "train.py", ["SM_CHANNEL_TRAIN", "SM_CHANNEL_VALIDATION"]),
        ("churn_lightgbm", "evaluate.py", ["churn-transform-test", "ground_truth"]),
        ("housing_pca", "preprocess.py", ["raw_train"]),
        ("housing_pca", "train.py", ["SM_CHANNEL_HOUSING_PCA_PREPROCESS_TRAIN"]),
        ("housing_mlp", "preprocess.py", ["raw_data", "housing-pca-training-input-train"]),
        ("housing_mlp", "train.py", ["SM_CHANNEL_HOUSING_MLP_PREPROCESS_TRAIN"]),
        (
            "housing_mlp",
            "evaluate.py",
            ["housing-mlp-transform-train", "housing-mlp-preprocess-train"],
        ),
        ("summarization_llm", "preprocess.py", ["raw_dialogues"]),
        ("summarization_llm", "train.py", ["SM_CHANNEL_SUMMARIZATION_PREPROCESS_"]),
        ("video_recommender", "prepare.py", ["export"]),
        (
            "video_recommender",
            "evaluate.py",
            ["recommender-transform-ratings", "recommender-prepare-ratings"],
        ),
    ],
)
def test_scripts_read_what_the_conf_connects(model: str, script: str, names: list[str]) -> None:
    """The names follow from steps, channels and sources by the rules of the format."""
    text = read_script(MODEL_CONFIGS / model, script)
    known = possible_names(MODEL_CONFIGS / model)
    for name in names:
        assert f'"{name}"' in text
        assert any(candidate.startswith(name) for candidate in known), (name, sorted(known))


def possible_names(model: Path) -> set[str]:
    """Each input directory and channel variable that the confs can give to the model's jobs."""
    section, names = load_section(model), set()
    for job in ("preprocess", "train", "transform", "evaluate"):
        for channel, content in read_channels(section.get(job, {})).items():
            names.add(f"SM_CHANNEL_{channel.upper()}")
            names |= {file["sourceName"] for file in content.get("dataFiles", [])}
    sections, steps = load_all_sections(), load_all_steps()
    for owner, step in steps:
        for source in read_chains(step):
            (source_owner,) = (who for who, other in steps if other["step_name"] == source)
            own = read_channels(sections[owner].get("evaluate", {}))
            names |= {f"{source}-{channel}" for channel in own}
            for channel in read_channels(sections[source_owner].get("preprocess", {})):
                names.add(f"SM_CHANNEL_{source}_{channel}".replace("-", "_").upper())
            for channel in read_channels(sections[source_owner].get("transform", {})):
                names.add(f"{source}-input-{channel}")
            names.add(f"{source}-input-train")
    return names


def read_chains(step: dict[str, Any]) -> list[str]:
    chained = step.get("chain_input_source_step", [])
    return [chained] if isinstance(chained, str) else chained


def read_channels(job: dict[str, Any]) -> dict[str, dict[str, Any]]:
    channels = job.get("channels", "train")
    if isinstance(channels, str):
        return {channels: {}}
    return {name: content or {} for name, content in channels.items()}


def load_all_sections() -> dict[str, dict[str, Any]]:
    return {name: part for model in MODELS for name, part in load_conf(model)["models"].items()}


def load_all_steps() -> list[tuple[str, dict[str, Any]]]:
    pipelines = [load_conf(model).get("sagemakerPipeline", {"models": {}}) for model in MODELS]
    return [
        (owner, step)
        for pipeline in pipelines
        for owner, content in pipeline["models"].items()
        for step in content["steps"]
    ]
