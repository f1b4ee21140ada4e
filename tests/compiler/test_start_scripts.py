"""What the images' start scripts need of a job, and channels that are no data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.errors import ConfigError
from tests.compiler.compiling import Json, arguments, compile_demo

METRICS = "metric_definitions: [{Name: m, Regex: 'm=(.*)'}]"
TUNE = "{objective: {metric: m}, ranges: {lr: {type: continuous, min: 0.1, max: 1}}, MORE}"
VERSIONS = {
    "sklearn": '"1.2-1"',
    "xgboost": '"1.7-1"',
    "pytorch": '"2.6", py_version: py312',
    "tensorflow": '"2.14", py_version: py310',
    "mxnet": '"1.9", py_version: py38',
    "autogluon": '"1.1", py_version: py311',
}
PLACED = {"sagemaker_program", "sagemaker_submit_directory"}


def train(framework: str, more: str = "") -> str:
    version = VERSIONS[framework]
    return (
        f"{{framework: {framework}, framework_version: {version}, entry_point: train.py, "
        f"instance_type: ml.m5.xlarge, {METRICS}{more}}}"
    )


def searched(workspace: Path, section: str, more: str = "seed: 1") -> Json:
    tune = TUNE.replace("MORE", more)
    compiled = compile_demo(workspace, "fit: Tuning", demo__train=section, demo__tune=tune)
    job: Json = arguments(compiled, "fit")["TrainingJobDefinition"]
    return job


@pytest.mark.parametrize("framework", list(VERSIONS))
def test_what_each_framework_s_start_script_needs_of_a_search(
    framework: str, tmp_path: Path
) -> None:
    given = searched(tmp_path, train(framework))["StaticHyperParameters"]
    assert given["sagemaker_program"] == "train.py"
    assert given["sagemaker_submit_directory"] == "/opt/ml/input/data/code"
    needed = {name: value for name, value in given.items() if name not in PLACED}
    assert needed == ({"model_dir": "/opt/ml/model"} if framework == "tensorflow" else {})


@pytest.mark.parametrize(
    ("section", "tune"),
    [
        (", hyperparameters: {model_dir: s3://b/x}", ""),
        ("", "static_hyperparameters: {model_dir: s3://b/x}"),
    ],
)
def test_a_model_dir_of_one_s_own_stays(section: str, tune: str, tmp_path: Path) -> None:
    found = searched(tmp_path, train("tensorflow", section), tune or "seed: 1")
    assert found["StaticHyperParameters"]["model_dir"] == "s3://b/x"


def test_a_model_dir_that_is_searched_is_not_sent_twice(tmp_path: Path) -> None:
    tune = TUNE.replace("MORE", "seed: 1").replace(
        "lr: {type: continuous, min: 0.1, max: 1}", "CHOICE"
    )
    tune = tune.replace(
        "CHOICE", "model_dir: {type: categorical, values: [/opt/ml/model, /opt/ml/x]}"
    )
    compiled = compile_demo(
        tmp_path, "fit: Tuning", demo__train=train("tensorflow"), demo__tune=tune
    )
    given = arguments(compiled, "fit")["TrainingJobDefinition"]["StaticHyperParameters"]
    assert set(given) == PLACED


DATA = (
    ", input_mode: MODE, distribution: ShardedByS3Key, instance_count: 2, content_type: text/csv, "
    "model_data_uri: s3://SMP_S3BUCKETNAME/pre/model.tar.gz, "
    "channels: {train: {dataFiles: [{fileName: 's3://SMP_S3BUCKETNAME/t/'}]}}"
)


@pytest.mark.parametrize("mode", ["Pipe", "FastFile", "File"])
@pytest.mark.parametrize("step", ["Training", "Tuning"])
def test_channels_that_are_no_data_are_whole_files(step: str, mode: str, tmp_path: Path) -> None:
    section = train("tensorflow", DATA.replace("MODE", mode))
    tune = TUNE.replace("MORE", "seed: 1")
    steps = f"fit: {step}\nserve: CreateModel"
    registry = "{InferenceSpecification: {image_uri: 1.dkr/x}}"
    compiled = compile_demo(
        tmp_path, steps, demo__train=section, demo__tune=tune, demo__registry=registry
    )
    found: dict[tuple[str, str], Any] = {}
    for item in compiled.steps():
        job = item["Arguments"].get("TrainingJobDefinition", item["Arguments"])
        for channel in job.get("InputDataConfig", []):
            found[item["Name"], channel["ChannelName"]] = channel
    data = found.pop(("fit", "train"))
    assert (data["InputMode"], data["ContentType"]) == (mode, "text/csv")
    assert data["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "ShardedByS3Key"
    assert {name for _, name in found} >= {"code", "model"}
    for channel in found.values():
        source = channel["DataSource"]["S3DataSource"]
        assert channel.get("InputMode", "File") == "File"
        assert source["S3DataDistributionType"] == "FullyReplicated"
    assert found["fit", "model"]["ContentType"] == "application/x-sagemaker-model"
    assert "ContentType" not in found["fit", "code"]


def test_an_own_algorithm_takes_names_that_break_a_launcher(tmp_path: Path) -> None:
    section = (
        "{image_uri: 1.dkr/x, hyperparameters: {model.rounds: 3, C: 1, 'a b': x}, "
        "channels: {train-data: {dataFiles: [{fileName: s3://data/x}]}}}"
    )
    job = arguments(compile_demo(tmp_path, "fit: Training", demo__train=section), "fit")
    assert job["HyperParameters"] == {"model.rounds": "3", "C": "1", "a b": "x"}
    assert [channel["ChannelName"] for channel in job["InputDataConfig"]] == ["train-data"]


def test_a_search_over_a_script_takes_names_that_break_a_launcher(tmp_path: Path) -> None:
    more = ", hyperparameters: {model.rounds: 3}, channels: {a-b: {dataFiles: [{fileName: s3://data/x}]}}"
    job = searched(tmp_path, train("sklearn", more))
    assert job["StaticHyperParameters"]["model.rounds"] == "3"
    assert "a-b" in [channel["ChannelName"] for channel in job["InputDataConfig"]]


def test_fails_where_the_same_section_is_trained_by_a_script(tmp_path: Path) -> None:
    section = train("sklearn", ", hyperparameters: {model.rounds: 3}")
    with pytest.raises(ConfigError, match="which makes a variable of the name"):
        compile_demo(
            tmp_path,
            "search: Tuning\nfit: Training",
            demo__train=section,
            demo__tune=TUNE.replace("MORE", "seed: 1"),
        )
