"""Processing steps: what a config says of preprocessing, in the job's request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smp.errors import ScriptError
from tests.compiler.compiling import (
    arguments,
    compile_demo,
    directory,
    processing_inputs,
    processing_outputs,
    step,
)
from tests.graph.workspace import DIRECTORY, IMAGE, write


def preprocess(channels: str, more: str = "") -> str:
    return f"{{image_uri: {IMAGE}, entry_point: preprocess.py, {more}channels: {channels}}}"


def test_every_data_file_is_an_input_of_its_own_directory(tmp_path: Path) -> None:
    channels = (
        "{train: {dataFiles: [{sourceName: a, fileName: s3://data/a.csv}, "
        "{sourceName: b, fileName: s3://data/b/}]}, test: {dataFiles: "
        "[{sourceName: c, fileName: s3://SMP_S3BUCKETNAME/c}]}}"
    )
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=preprocess(channels))
    inputs = processing_inputs(compiled, "prep")
    assert {name: (item["S3Uri"], item["LocalPath"]) for name, item in inputs.items()} == {
        "a": ("s3://data/a.csv", "/opt/ml/processing/input/a"),
        "b": ("s3://data/b/", "/opt/ml/processing/input/b"),
        "c": ("s3://${smp:bucket}/c/", "/opt/ml/processing/input/c"),
    }


def test_a_relative_file_lies_under_its_channels_bucket_and_prefix(tmp_path: Path) -> None:
    channels = (
        "{train: {s3Bucket: data, s3InputPrefix: raw/2026/, "
        "dataFiles: [{sourceName: a, fileName: a.csv}]}, "
        "test: {s3BucketName: other, inputBucketPrefix: x, "
        "dataFiles: [{sourceName: b, fileName: b.csv}]}}"
    )
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=preprocess(channels))
    inputs = processing_inputs(compiled, "prep")
    assert inputs["a"]["S3Uri"] == "s3://data/raw/2026/a.csv"
    assert inputs["b"]["S3Uri"] == "s3://other/x/b.csv"


def test_every_channel_is_an_output_below_each_execution(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path, "prep: Processing", demo__preprocess=preprocess("{train: , test: }")
    )
    assert processing_outputs(compiled, "prep") == {
        channel: {
            "S3Uri": {
                "Std:Join": {
                    "On": "/",
                    "Values": [
                        "s3://${smp:bucket}/executions",
                        "demo",
                        {"Get": "Execution.PipelineExecutionId"},
                        "prep",
                        "output",
                        channel,
                    ],
                }
            },
            "LocalPath": f"/opt/ml/processing/output/{channel}",
            "S3UploadMode": "EndOfJob",
        }
        for channel in ("train", "test")
    }


@pytest.mark.parametrize("channels", ["train", "{train: }"])
def test_a_plain_name_and_an_empty_channel_mean_a_channel_without_files(
    channels: str, tmp_path: Path
) -> None:
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=preprocess(channels))
    assert processing_inputs(compiled, "prep") == {}
    assert list(processing_outputs(compiled, "prep")) == ["train"]


def test_without_channels_the_output_is_train(tmp_path: Path) -> None:
    section = f"{{image_uri: {IMAGE}, entry_point: preprocess.py}}"
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=section)
    assert list(processing_outputs(compiled, "prep")) == ["train"]


def test_an_output_prefix_replaces_the_bucket_and_pipeline(tmp_path: Path) -> None:
    channels = "{train: {s3BucketName: lake, outputBucketPrefix: clean/}}"
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=preprocess(channels))
    uri = processing_outputs(compiled, "prep")["train"]["S3Uri"]["Std:Join"]["Values"]
    assert uri[0] == "s3://lake/clean"
    assert {"Get": "Execution.PipelineExecutionId"} in uri


def test_the_projects_bucket_takes_what_has_no_bucket_of_its_own(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "prep: Processing", top="  s3Bucket: sales-data\n")
    uri = processing_outputs(compiled, "prep")["train"]["S3Uri"]["Std:Join"]["Values"]
    assert uri[0] == "s3://sales-data/executions"


def test_an_output_path_in_the_container_can_be_set(tmp_path: Path) -> None:
    section = preprocess("train", "location: {outputLocalFilepath: /opt/ml/processing/out/}, ")
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=section)
    assert (
        processing_outputs(compiled, "prep")["train"]["LocalPath"] == "/opt/ml/processing/out/train"
    )


def test_a_chained_input_is_named_by_source_and_channel(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nmore: Processing, chain_input_source_step: prep",
        demo__preprocess=preprocess("{train: , test: }"),
    )
    inputs = processing_inputs(compiled, "more")
    assert {name: item["LocalPath"] for name, item in inputs.items()} == {
        "prep-input-train": "/opt/ml/processing/input/prep-input-train",
        "prep-input-test": "/opt/ml/processing/input/prep-input-test",
    }
    assert inputs["prep-input-test"]["S3Uri"] == directory(
        "Steps.prep.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"
    )


def test_a_training_source_gives_its_artifact(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path, "@other\nfit: Training\n@demo\nprep: Processing, chain_input_source_step: fit"
    )
    item = processing_inputs(compiled, "prep")["fit-input-train"]
    assert item["S3Uri"] == {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}


def test_defaults(tmp_path: Path) -> None:
    found = arguments(compile_demo(tmp_path, "prep: Processing"), "prep")
    assert found["ProcessingResources"]["ClusterConfig"] == {
        "InstanceType": "ml.m5.2xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 32,
        "VolumeKmsKeyId": "${smp:kms_key_arn}",
    }
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 3000}
    assert "Environment" not in found
    assert "Tags" not in found


@pytest.mark.parametrize("key", ["max_runtime_seconds", "max_runtime_in_seconds"])
def test_what_the_original_ignored_is_honoured(key: str, tmp_path: Path) -> None:
    more = (
        "s3_data_type: ManifestFile, s3_input_mode: Pipe, s3_upload_mode: Continuous, "
        f"s3_data_distribution_type: ShardedByS3Key, {key}: 60, instance_count: 2, "
        "instance_type: ml.m5.large, volume_size_in_gb: 7, "
    )
    channels = "{train: {dataFiles: [{sourceName: raw, fileName: s3://data/raw}]}}"
    compiled = compile_demo(
        tmp_path, "prep: Processing", demo__preprocess=preprocess(channels, more)
    )
    item = processing_inputs(compiled, "prep")["raw"]
    assert (item["S3DataType"], item["S3InputMode"], item["S3DataDistributionType"]) == (
        "ManifestFile",
        "Pipe",
        "ShardedByS3Key",
    )
    assert processing_outputs(compiled, "prep")["train"]["S3UploadMode"] == "Continuous"
    found = arguments(compiled, "prep")
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    cluster = found["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceCount"], cluster["InstanceType"]) == (2, "ml.m5.large")
    assert cluster["VolumeSizeInGB"] == 7


def test_the_script_runs_as_a_module_from_its_source_directory(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/steps/clean.py", "")
    section = preprocess("train").replace("preprocess.py", "steps/clean.py")
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=section)
    specification = arguments(compiled, "prep")["AppSpecification"]
    assert specification["ContainerEntrypoint"] == [
        "/bin/bash",
        "-c",
        "cd /opt/ml/processing/input/code && exec python3 -m steps.clean",
    ]
    assert "ContainerArguments" not in specification


def test_requirements_are_installed_first(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/requirements.txt", "tabulate\n")
    compiled = compile_demo(tmp_path, "prep: Processing")
    command = arguments(compiled, "prep")["AppSpecification"]["ContainerEntrypoint"][-1]
    assert command == (
        "cd /opt/ml/processing/input/code && python3 -m pip install -r requirements.txt"
        " && exec python3 -m preprocess"
    )


def test_the_whole_source_directory_is_shipped_by_content(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "prep: Processing")
    (tree,) = compiled.code
    (code,) = (
        item["S3Input"]
        for item in arguments(compiled, "prep")["ProcessingInputs"]
        if item["InputName"] == "code"
    )
    assert code["S3Uri"] == f"s3://${{smp:bucket}}/code/{tree.sha256}/"
    assert code["LocalPath"] == "/opt/ml/processing/input/code"
    assert tree.origin == "demo/scripts"
    assert {file.path for file in tree.files} == {
        "preprocess.py",
        "train.py",
        "inference.py",
        "evaluate.py",
    }


def seven_files(bucket: str) -> str:
    files = [f"{{sourceName: f{i}, fileName: s3://{bucket}/raw/{i}/data.csv}}" for i in range(7)]
    return f"{{train: {{dataFiles: [{', '.join(files)}]}}}}"


@pytest.mark.parametrize(
    ("bucket", "name"), [("data", "data"), ("SMP_S3BUCKETNAME", "${smp:bucket}")]
)
def test_seven_static_inputs_become_one_manifest(bucket: str, name: str, tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path, "prep: Processing", demo__preprocess=preprocess(seven_files(bucket))
    )
    ((input_name, item),) = processing_inputs(compiled, "prep").items()
    assert (input_name, item["LocalPath"]) == ("train", "/opt/ml/processing/input/train")
    assert item["S3DataType"] == "ManifestFile"
    (tree,) = (tree for tree in compiled.code if tree.origin == "inputs of prep")
    assert item["S3Uri"] == f"s3://${{smp:bucket}}/code/{tree.sha256}/input.manifest"
    assert [file.is_template for file in tree.files] == [bucket == "SMP_S3BUCKETNAME"]
    text = (compiled.code_store / tree.sha256 / "input.manifest").read_text()
    assert json.loads(text) == [
        {"prefix": f"s3://{name}/raw/"},
        *(f"{index}/data.csv" for index in range(7)),
    ]


def test_six_static_inputs_stay_inputs(tmp_path: Path) -> None:
    channels = seven_files("data").replace(
        ", {sourceName: f6, fileName: s3://data/raw/6/data.csv}", ""
    )
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=preprocess(channels))
    assert list(processing_inputs(compiled, "prep")) == [f"f{index}" for index in range(6)]


def test_a_framework_version_names_an_image_for_every_region(tmp_path: Path) -> None:
    section = '{framework_version: "1.2-1", entry_point: preprocess.py, channels: train}'
    compiled = compile_demo(tmp_path, "prep: Processing", demo__preprocess=section)
    assert (
        arguments(compiled, "prep")["AppSpecification"]["ImageUri"] == "${smp:image.sklearn-1.2-1}"
    )
    uris = compiled.images["sklearn-1.2-1"]
    name = "sagemaker-scikit-learn:1.2-1-cpu-py3"
    assert uris["us-east-1"] == f"683313688378.dkr.ecr.us-east-1.amazonaws.com/{name}"
    assert uris["eu-west-1"] == f"141502667606.dkr.ecr.eu-west-1.amazonaws.com/{name}"
    assert uris["cn-north-1"].endswith(f".amazonaws.com.cn/{name}")
    assert len(uris) > 20


def test_fails_where_the_ignore_file_leaves_the_script_out(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/.smpignore", "pre*\n")
    with pytest.raises(ScriptError) as error:
        compile_demo(tmp_path, "prep: Processing")
    assert str(error.value).startswith(
        f"{DIRECTORY}/conf/models.yaml:5:98: conf.models.demo.preprocess.entry_point: is left out of "
        "what the jobs get\n    found: 'preprocess.py'\n"
        "    hint: rename it, or take it out of .smpignore"
    )


def test_a_dependency_waits(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "a: Processing\nb: Processing", "[b >> a]")
    assert step(compiled, "a")["DependsOn"] == ["b"]
    assert "DependsOn" not in step(compiled, "b")
