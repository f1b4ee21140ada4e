"""Training steps: what a config says of training, in the job's request."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import inputs_of
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.errors import ConfigError, ScriptError
from tests.compiler.compiling import (
    arguments,
    channels,
    compile_demo,
    demo_graph,
    directory,
    uri_of,
)
from tests.graph.workspace import DIRECTORY, IMAGE, write


def train(more: str = "") -> str:
    return f"{{image_uri: {IMAGE}, entry_point: train.py{', ' if more else ''}{more}}}"


def driver(workspace: Path, section: str, name: str = "sm_train.sh") -> str:
    """A file that the SDK makes for a training job: its start script."""
    compiled = compile_demo(workspace, "fit: Training", demo__train=section)
    (tree,) = (tree for tree in compiled.code if tree.origin == "sdk drivers")
    return (compiled.code_store / tree.sha256 / name).read_text()


def test_each_static_channel_has_its_own_data(tmp_path: Path) -> None:
    section = train(
        "channels: {train: {dataFiles: [{fileName: s3://data/train}]}, "
        "test: {dataFiles: [{fileName: s3://SMP_S3BUCKETNAME/test}]}, empty: }"
    )
    found = channels(compile_demo(tmp_path, "fit: Training", demo__train=section), "fit")
    assert {name: uri_of(channel) for name, channel in found.items()} == {
        "train": "s3://data/train/",
        "test": "s3://${smp:bucket}/test/",
    }


def test_several_files_of_a_channel_are_one_manifest(tmp_path: Path) -> None:
    section = train(
        "channels: {train: {s3BucketName: data, inputBucketPrefix: raw, "
        "dataFiles: [{fileName: a.csv}, {fileName: deep/b.csv}]}}"
    )
    compiled = compile_demo(tmp_path, "fit: Training", demo__train=section)
    source = channels(compiled, "fit")["train"]["DataSource"]["S3DataSource"]
    (tree,) = (tree for tree in compiled.code if tree.origin == "channel train of fit")
    assert source["S3DataType"] == "ManifestFile"
    assert source["S3Uri"] == f"s3://${{smp:bucket}}/code/{tree.sha256}/input.manifest"
    text = (compiled.code_store / tree.sha256 / "input.manifest").read_text()
    assert json.loads(text) == [{"prefix": "s3://data/raw/"}, "a.csv", "deep/b.csv"]


def test_a_chained_channel_is_named_by_source_and_channel_without_hyphens(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path, "my-prep: Processing\nfit: Training, chain_input_source_step: my-prep"
    )
    found = channels(compiled, "fit")
    assert list(found) == ["my_prep_train", "my_prep_test"]
    assert uri_of(found["my_prep_test"]) == directory(
        "Steps.my-prep.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"
    )


def test_a_training_step_may_read_an_artifact_and_predictions(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "fit: Training\nmodel: CreateModel\npredict: Transform, chain_input_source_step: fit\n"
        "again: Training, chain_input_source_step: [fit, predict]",
    )
    assert {name: uri_of(item) for name, item in channels(compiled, "again").items()} == {
        "fit_train": {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"},
        "predict_train": directory("Steps.predict.TransformOutput.S3OutputPath"),
    }


def test_defaults(tmp_path: Path) -> None:
    found = arguments(compile_demo(tmp_path, "fit: Training", demo__train=train()), "fit")
    assert found["ResourceConfig"] == {
        "InstanceType": "ml.m5.2xlarge",
        "InstanceCount": 1,
        "VolumeSizeInGB": 32,
        "VolumeKmsKeyId": "${smp:kms_key_arn}",
    }
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 3000}
    assert found["OutputDataConfig"] == {
        "S3OutputPath": "s3://${smp:bucket}/models/demo/fit",
        "KmsKeyId": "${smp:kms_key_arn}",
        "CompressionType": "GZIP",
    }


def test_what_was_undocumented_is_honoured(tmp_path: Path) -> None:
    section = train(
        "output_path: s3://artifacts/here, content_type: text/csv, input_mode: FastFile, "
        "distribution: ShardedByS3Key, max_runtime_in_seconds: 60, "
        "channels: {train: {dataFiles: [{fileName: s3://data/train}]}}"
    )
    compiled = compile_demo(tmp_path, "fit: Training", demo__train=section)
    found = arguments(compiled, "fit")
    channel = channels(compiled, "fit")["train"]
    assert found["OutputDataConfig"]["S3OutputPath"] == "s3://artifacts/here"
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 60}
    assert (channel["ContentType"], channel["InputMode"]) == ("text/csv", "FastFile")
    assert channel["DataSource"]["S3DataSource"]["S3DataDistributionType"] == "ShardedByS3Key"


@pytest.mark.parametrize("key", ["hyperparams", "hyperparameters"])
def test_hyperparameters_are_texts(key: str, tmp_path: Path) -> None:
    section = train(f"{key}: {{depth: 3, rate: 0.1, deep: true, name: SMP_S3BUCKETNAME}}")
    found = arguments(compile_demo(tmp_path, "fit: Training", demo__train=section), "fit")
    assert found["HyperParameters"] == {
        "depth": "3",
        "rate": "0.1",
        "deep": "true",
        "name": '"${smp:bucket}"',
    }


def test_metric_definitions_are_read_from_the_log(tmp_path: Path) -> None:
    section = train("metric_definitions: [{Name: auc, Regex: 'auc=([0-9.]+);'}]")
    found = arguments(compile_demo(tmp_path, "fit: Training", demo__train=section), "fit")
    assert found["AlgorithmSpecification"]["MetricDefinitions"] == [
        {"Name": "auc", "Regex": "auc=([0-9.]+);"}
    ]


def test_a_model_to_start_from_is_the_channel_model(tmp_path: Path) -> None:
    section = train("model_data_uri: s3://models/base/model.tar.gz")
    found = channels(compile_demo(tmp_path, "fit: Training", demo__train=section), "fit")
    assert uri_of(found["model"]) == "s3://models/base/model.tar.gz"


def test_the_entry_point_keeps_its_path(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/training/fit.py", "")
    section = train().replace("train.py", "training/fit.py")
    source_code = json.loads(driver(tmp_path, section, "sourcecode.json"))
    assert source_code["entry_script"] == "training/fit.py"
    assert source_code["source_dir"] == "/opt/ml/input/data/code"


def test_requirements_are_installed_where_there_are_any(tmp_path: Path) -> None:
    assert "requirements.txt" not in driver(tmp_path / "without", train())
    write(tmp_path / "with" / DIRECTORY / "scripts/requirements.txt", "tabulate\n")
    assert "requirements.txt" in driver(tmp_path / "with", train())


def test_the_source_directory_is_the_channel_code(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training")
    uris = {
        channel["ChannelName"]: uri_of(channel)
        for channel in arguments(compiled, "fit")["InputDataConfig"]
    }
    assert uris == {
        {"demo/scripts": "code", "sdk drivers": "sm_drivers"}[tree.origin]: (
            f"s3://${{smp:bucket}}/{tree.key}/"
        )
        for tree in compiled.code
    }


def test_the_drivers_hold_nothing_of_this_machine(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training")
    (tree,) = (tree for tree in compiled.code if tree.origin == "sdk drivers")
    texts = [
        (compiled.code_store / tree.sha256 / file.path).read_text(errors="replace")
        for file in tree.files
    ]
    assert not [file.path for file in tree.files if file.path.endswith(".pyc")]
    assert not [text for text in texts if str(tmp_path) in text or str(Path.home()) in text]


ALGORITHM = f"{{image_uri: {IMAGE}, local_stand_in: local/factorise.py, hyperparameters: {{k: 3}}}}"
STAND_IN = f"{DIRECTORY}/scripts/local/factorise.py"


def test_without_an_entry_point_the_job_runs_what_the_image_brings(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path, "fit: Training", demo__train=f"{{image_uri: {IMAGE}, hyperparameters: {{k: 3}}}}"
    )
    found = arguments(compiled, "fit")
    assert found["AlgorithmSpecification"] == {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    assert found["HyperParameters"] == {"k": "3"}
    assert "InputDataConfig" not in found or found["InputDataConfig"] == []
    assert (compiled.code, compiled.stand_ins) == ((), {})


def test_an_image_s_algorithm_gets_chained_channels_by_the_names_it_knows(tmp_path: Path) -> None:
    write(tmp_path / STAND_IN, "")
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nfit: Training, chain_input_source_step: prep",
        demo__train=ALGORITHM,
    )
    assert list(channels(compiled, "fit")) == ["train", "test"]


def test_an_image_s_algorithm_takes_the_outputs_that_its_channels_name(tmp_path: Path) -> None:
    prepared = (
        f"{{image_uri: {IMAGE}, entry_point: preprocess.py, channels: {{train: , test: , held: }}}}"
    )
    tune = "{objective: {metric: 'test:rmse'}, ranges: {k: {type: integer, min: 1, max: 3}}}"
    held = "dataFiles: [{fileName: s3://data/other}]"
    train = f"{{algorithm: kmeans, channels: {{test: , train: , more: {{{held}}}}}}}"
    for step_class in ("Training", "Tuning"):
        compiled = compile_demo(
            tmp_path,
            f"prep: Processing\nfit: {step_class}, chain_input_source_step: prep",
            demo__preprocess=prepared,
            demo__train=train,
            demo__tune=tune,
        )
        job = arguments(compiled, "fit")
        found = job.get("TrainingJobDefinition", job)["InputDataConfig"]
        assert sorted(channel["ChannelName"] for channel in found) == ["more", "test", "train"]


def test_the_stand_ins_of_training_and_serving_are_packed_and_not_shipped(tmp_path: Path) -> None:
    for script in ("fit.py", "serve.py"):
        write(tmp_path / DIRECTORY / "scripts" / script, f"# {script}")
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nfit: Training, chain_input_source_step: prep\nserve: CreateModel\n"
        "predict: Transform, chain_input_source_step: prep",
        demo__train="{algorithm: kmeans, local_stand_in: fit.py}",
        demo__transform="{local_stand_in: serve.py, channels: test}",
        demo__registry="{ModelRepack: 'False', InferenceSpecification: {algorithm: kmeans}}",
    )
    assert {name: found.script for name, found in compiled.stand_ins.items()} == {
        "fit": "fit.py",
        "predict": "serve.py",
    }
    shipped = {file.path for tree in compiled.code for file in tree.files}
    assert "preprocess.py" in shipped
    assert not shipped & {"fit.py", "serve.py"}
    container = arguments(compiled, "serve-CreateModel")["PrimaryContainer"]
    assert "SAGEMAKER_PROGRAM" not in container["Environment"]


def test_a_stand_in_lies_in_the_code_store_and_is_not_shipped(tmp_path: Path) -> None:
    write(tmp_path / STAND_IN, "print('here')")
    compiled = compile_demo(tmp_path, "prep: Processing\nfit: Training", demo__train=ALGORITHM)
    (stand_in,) = compiled.stand_ins.values()
    assert list(compiled.stand_ins) == ["fit"]
    kept = compiled.code_store / stand_in.code.sha256 / stand_in.script
    assert kept.read_text(encoding="utf-8") == "print('here')"

    shipped = [file.path for tree in compiled.code for file in tree.files]
    assert "preprocess.py" in shipped
    assert stand_in.script not in shipped
    assert stand_in.code.sha256 not in compiled.definition_text()
    assert CompiledPipeline.from_json(compiled.to_json(), compiled.code_store) == compiled


def test_an_edited_stand_in_changes_only_the_local_run(tmp_path: Path) -> None:
    steps = "prep: Processing\nfit: Training"
    write(tmp_path / STAND_IN, "1")
    before = compile_demo(tmp_path, steps, demo__train=ALGORITHM)
    key = inputs_of(
        demo_graph(tmp_path, steps, demo__train=ALGORITHM), CodeStore(tmp_path / "c")
    ).exact_key
    write(tmp_path / STAND_IN, "2")
    after = compile_demo(tmp_path, steps, demo__train=ALGORITHM)

    assert (after.definition, after.code) == (before.definition, before.code)
    assert after.stand_ins != before.stand_ins
    changed = inputs_of(
        demo_graph(tmp_path, steps, demo__train=ALGORITHM), CodeStore(tmp_path / "c")
    ).exact_key
    assert changed != key


def test_the_stand_in_is_the_same_value_wherever_the_workspace_lies(tmp_path: Path) -> None:
    texts = []
    for place in ("here", "elsewhere/deeper"):
        write(tmp_path / place / STAND_IN, "print('here')")
        compiled = compile_demo(tmp_path / place, "fit: Training", demo__train=ALGORITHM)
        texts.append(compiled.to_json())
    assert texts[0] == texts[1]


def test_a_script_that_is_also_an_entry_point_is_shipped(tmp_path: Path) -> None:
    section = f"{{image_uri: {IMAGE}, local_stand_in: ./preprocess.py}}"
    compiled = compile_demo(tmp_path, "prep: Processing\nfit: Training", demo__train=section)
    assert "preprocess.py" in [file.path for tree in compiled.code for file in tree.files]


def test_fails_where_the_stand_in_is_left_out_of_the_packed_files(tmp_path: Path) -> None:
    write(tmp_path / STAND_IN, "")
    write(tmp_path / DIRECTORY / "scripts/.smpignore", "local\n")
    with pytest.raises(ScriptError, match=r"demo\.train\.local_stand_in: is left out of what"):
        compile_demo(tmp_path, "fit: Training", demo__train=ALGORITHM)


def test_channels_have_settings_of_their_own(tmp_path: Path) -> None:
    train = (
        f"{{image_uri: {IMAGE}, entry_point: train.py, content_type: text/csv, input_mode: FastFile, "
        "channels: {a: {dataFiles: [{fileName: 's3://data/a'}], content_type: application/x-npy, "
        "input_mode: File, distribution: ShardedByS3Key}, b: {dataFiles: [{fileName: 's3://data/b'}]}, "
        "prep_train: {content_type: application/json}}}"
    )
    steps = "prep: Processing\nfit: Training, chain_input_source_step: prep\n"
    found = channels(compile_demo(tmp_path, steps, demo__train=train), "fit")
    settings = {
        name: (
            item["ContentType"],
            item["InputMode"],
            item["DataSource"]["S3DataSource"]["S3DataDistributionType"],
        )
        for name, item in found.items()
    }
    assert settings["a"] == ("application/x-npy", "File", "ShardedByS3Key")
    assert settings["b"] == ("text/csv", "FastFile", "FullyReplicated")
    assert settings["prep_train"] == ("application/json", "FastFile", "FullyReplicated")
    assert settings["prep_test"] == ("text/csv", "FastFile", "FullyReplicated")


def test_an_algorithm_s_chained_channel_has_its_own_type(tmp_path: Path) -> None:
    train = (
        "{algorithm: xgboost, algorithm_version: '1.7-1', channels: {train: {content_type: text/csv}, "
        "test: {content_type: text/libsvm}}}"
    )
    steps = "prep: Processing\nfit: Training, chain_input_source_step: prep\n"
    found = channels(compile_demo(tmp_path, steps, demo__train=train), "fit")
    assert {name: item["ContentType"] for name, item in found.items()} == {
        "train": "text/csv",
        "test": "text/libsvm",
    }


def test_fails_for_settings_of_a_channel_without_data(tmp_path: Path) -> None:
    train = f"{{image_uri: {IMAGE}, entry_point: train.py, channels: {{a: {{input_mode: Pipe}}}}}}"
    with pytest.raises(ConfigError, match="has no effect: the channel has no files"):
        compile_demo(tmp_path, "fit: Training\n", demo__train=train)
