"""Transform and Metrics steps: predictions, and the report on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.compiling import (
    arguments,
    compile_demo,
    directory,
    processing_inputs,
    processing_outputs,
    step,
)
from tests.graph.workspace import IMAGE

CHAINED = """\
prep: Processing
fit: Training
model: CreateModel
predict: Transform, chain_input_source_step: prep"""
STATIC = "fit: Training\nmodel: CreateModel\npredict: Transform"
SCORED = f"{CHAINED}\nscore: Metrics, chain_input_source_step: [prep, predict]"
EXECUTION = {"Get": "Execution.PipelineExecutionId"}


def joined(*values: object) -> dict[str, object]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def input_uri(found: dict[str, object]) -> object:
    return found["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]  # type: ignore[index]


def test_a_chained_transform_reads_the_sources_output(tmp_path: Path) -> None:
    found = arguments(compile_demo(tmp_path, CHAINED), "predict")
    uri = directory("Steps.prep.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri")
    assert input_uri(found) == uri
    assert found["ModelName"] == {"Get": "Steps.model-CreateModel.ModelName"}


def test_the_additional_prefix_is_joined_to_the_sources_output(tmp_path: Path) -> None:
    steps = f"{CHAINED}, chain_input_additional_prefix: /test/x.csv"
    uri = {"Get": "Steps.prep.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}
    assert input_uri(arguments(compile_demo(tmp_path, steps), "predict")) == joined(
        uri, "test/x.csv"
    )


def test_chained_predictions_lie_in_the_projects_bucket_below_each_execution(
    tmp_path: Path,
) -> None:
    found = arguments(compile_demo(tmp_path, CHAINED), "predict")
    assert found["TransformOutput"] == {
        "S3OutputPath": joined("s3://${smp:bucket}/demo/predictions/transform", EXECUTION),
        "Accept": "text/csv",
        "KmsKeyId": "${smp:kms_key_arn}",
    }


def test_static_predictions_lie_beside_the_data_below_each_execution(tmp_path: Path) -> None:
    section = (
        "{entry_point: inference.py, channels: {test: {s3BucketName: data, "
        "inputBucketPrefix: batch/, dataFiles: [{fileName: x.csv}]}}}"
    )
    found = arguments(compile_demo(tmp_path, STATIC, demo__transform=section), "predict")
    assert input_uri(found) == "s3://data/batch/x.csv"
    assert found["TransformOutput"]["S3OutputPath"] == joined(
        "s3://data/batch/demo/predictions/transform", EXECUTION
    )


def test_transform_defaults(tmp_path: Path) -> None:
    found = arguments(compile_demo(tmp_path, CHAINED), "predict")
    assert found["TransformInput"]["ContentType"] == "text/csv"
    assert found["TransformResources"] == {
        "InstanceType": "ml.m5.2xlarge",
        "InstanceCount": 1,
        "VolumeKmsKeyId": "${smp:kms_key_arn}",
    }


def test_every_transform_setting_has_its_place(tmp_path: Path) -> None:
    section = (
        "{entry_point: inference.py, channels: train, strategy: MultiRecord, assemble_with: Line, "
        "join_source: Input, split_type: Line, content_type: application/json, max_payload: 6, "
        "input_filter: '$[1:]', output_filter: '$[0,-1]', instance_type: ml.m5.large, "
        "instance_count: 3}"
    )
    found = arguments(compile_demo(tmp_path, CHAINED, demo__transform=section), "predict")
    assert (found["BatchStrategy"], found["MaxPayloadInMB"]) == ("MultiRecord", 6)
    assert found["TransformInput"]["SplitType"] == "Line"
    assert found["TransformInput"]["ContentType"] == "application/json"
    assert found["TransformOutput"]["Accept"] == "application/json"
    assert found["TransformOutput"]["AssembleWith"] == "Line"
    assert found["DataProcessing"] == {
        "InputFilter": "$[1:]",
        "OutputFilter": "$[0,-1]",
        "JoinSource": "Input",
    }
    assert found["TransformResources"]["InstanceType"] == "ml.m5.large"
    assert found["TransformResources"]["InstanceCount"] == 3


def test_answers_may_be_of_another_type_than_requests(tmp_path: Path) -> None:
    section = (
        "{entry_point: inference.py, channels: train, content_type: application/x-recordio-protobuf, "
        "split_type: RecordIO, accept: application/jsonlines, assemble_with: Line}"
    )
    found = arguments(compile_demo(tmp_path, CHAINED, demo__transform=section), "predict")
    assert found["TransformInput"]["ContentType"] == "application/x-recordio-protobuf"
    assert found["TransformOutput"]["Accept"] == "application/jsonlines"


def test_metrics_read_each_source_from_a_directory_named_by_it(tmp_path: Path) -> None:
    inputs = processing_inputs(compile_demo(tmp_path, SCORED), "score")
    assert {name: item["LocalPath"] for name, item in inputs.items()} == {
        "prep-input": "/opt/ml/processing/input/prep-train",
        "predict-input": "/opt/ml/processing/input/predict-train",
    }
    place = "Steps.predict.TransformOutput.S3OutputPath"
    assert inputs["predict-input"]["S3Uri"] == directory(place)


def test_metrics_read_their_static_files_too(tmp_path: Path) -> None:
    section = (
        f"{{image_uri: {IMAGE}, entry_point: evaluate.py, channels: {{train: {{dataFiles: "
        "[{sourceName: truth, fileName: s3://data/y.csv}]}}}"
    )
    inputs = processing_inputs(compile_demo(tmp_path, SCORED, demo__evaluate=section), "score")
    assert inputs["truth"]["S3Uri"] == "s3://data/y.csv"
    assert inputs["truth"]["LocalPath"] == "/opt/ml/processing/input/truth"


def test_the_report_is_a_property_file_below_each_execution(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, SCORED)
    assert processing_outputs(compiled, "score") == {
        "model_evaluation_metrics": {
            "S3Uri": joined("s3://${smp:bucket}/demo/evaluation", EXECUTION),
            "LocalPath": "/opt/ml/processing/output/",
            "S3UploadMode": "EndOfJob",
        }
    }
    assert step(compiled, "score")["PropertyFiles"] == [
        {
            "PropertyFileName": "EvaluationReport",
            "OutputName": "model_evaluation_metrics",
            "FilePath": "model_evaluation_metrics.json",
        }
    ]


@pytest.mark.parametrize("output", ["OuputLocalFilepath", "OutputLocalFilepath"])
def test_an_evaluations_places_can_be_set(output: str, tmp_path: Path) -> None:
    channel = (
        "{s3BucketName: reports, bucket_prefix: quality/, "
        "InputLocalFilepath: /opt/ml/processing/in, "
        f"{output}: /opt/ml/processing/out}}"
    )
    section = f"{{image_uri: {IMAGE}, entry_point: evaluate.py, channels: {{train: {channel}}}}}"
    compiled = compile_demo(tmp_path, SCORED, demo__evaluate=section)
    report = processing_outputs(compiled, "score")["model_evaluation_metrics"]
    assert report["S3Uri"] == joined("s3://reports/quality/demo/evaluation", EXECUTION)
    assert report["LocalPath"] == "/opt/ml/processing/out"
    inputs = processing_inputs(compiled, "score")
    assert inputs["prep-input"]["LocalPath"] == "/opt/ml/processing/in/prep-train"


def test_evaluate_defaults(tmp_path: Path) -> None:
    found = arguments(compile_demo(tmp_path, SCORED), "score")
    cluster = found["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["InstanceCount"]) == ("ml.m5.2xlarge", 1)
    assert cluster["VolumeSizeInGB"] == 50
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": 3600}


def test_what_the_original_ignored_in_evaluate_is_honoured(tmp_path: Path) -> None:
    section = (
        f"{{image_uri: {IMAGE}, entry_point: evaluate.py, s3_data_type: ManifestFile, "
        "s3_input_mode: Pipe, channels: {train: {dataFiles: "
        "[{sourceName: truth, fileName: s3://data/y.manifest}]}}}"
    )
    inputs = processing_inputs(compile_demo(tmp_path, SCORED, demo__evaluate=section), "score")
    assert inputs["truth"]["S3DataType"] == "ManifestFile"
    assert inputs["truth"]["S3InputMode"] == "Pipe"
    assert inputs["prep-input"]["S3DataType"] == "S3Prefix"
