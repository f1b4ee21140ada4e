"""Evaluation in a processing job: reports of any job, which conditions and registrations read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.errors import ConfigError
from smp.graph import build_graph
from tests.compiler.compiling import (
    arguments,
    compile_demo,
    demo_graph,
    processing_inputs,
    step,
)
from tests.graph.workspace import IMAGE, load, pipeline_of, write

MODEL_STEPS = (
    "prep: Processing\n"
    "fit: Training, chain_input_source_step: prep\n"
    "score: Metrics, chain_input_source_step: [fit, prep]\n"
)
PREP = (
    f"{{image_uri: {IMAGE}, entry_point: preprocess.py, channels: {{train: , quality: }}, "
    "reports: {rows: quality/rows.json, schema: quality/deep/schema.json}}"
)
EVALUATE = (
    f"{{image_uri: {IMAGE}, entry_point: evaluate.py, channels: train, "
    "reports: {bias: bias.json}}"
)


def conditions(compiled: Any, name: str) -> Any:
    return arguments(compiled, name)["Conditions"]


def test_a_metrics_step_reads_the_model_archive_and_the_test_data(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, MODEL_STEPS)
    inputs = processing_inputs(compiled, "score")
    assert inputs["fit-input"]["S3Uri"] == {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}
    assert inputs["fit-input"]["LocalPath"] == "/opt/ml/processing/input/fit-train"
    output = {"Get": "Steps.prep.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}
    assert inputs["prep-input"]["S3Uri"] == {"Std:Join": {"On": "", "Values": [output, "/"]}}


def test_a_metrics_step_reads_the_best_model_of_a_search(tmp_path: Path) -> None:
    tune = (
        "{max_jobs: 2, objective: {metric: auc, type: Maximize}, "
        "ranges: {depth: {type: integer, min: 1, max: 9}}}"
    )
    train = (
        f"{{image_uri: {IMAGE}, entry_point: train.py, "
        "metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}]}"
    )
    steps = MODEL_STEPS.replace("Training", "Tuning")
    compiled = compile_demo(tmp_path, steps, demo__tune=tune, demo__train=train)
    uri = processing_inputs(compiled, "score")["fit-input"]["S3Uri"]
    assert {"Get": "Steps.fit.BestTrainingJob.TrainingJobName"} in uri["Std:Join"]["Values"]


def test_reports_are_property_files_of_their_outputs(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, MODEL_STEPS, demo__preprocess=PREP, demo__evaluate=EVALUATE)
    assert step(compiled, "prep")["PropertyFiles"] == [
        {"PropertyFileName": "rows", "OutputName": "quality", "FilePath": "rows.json"},
        {"PropertyFileName": "schema", "OutputName": "quality", "FilePath": "deep/schema.json"},
    ]
    names = [item["PropertyFileName"] for item in step(compiled, "score")["PropertyFiles"]]
    assert names == ["EvaluationReport", "bias"]
    assert step(compiled, "score")["PropertyFiles"][1] == {
        "PropertyFileName": "bias",
        "OutputName": "model_evaluation_metrics",
        "FilePath": "bias.json",
    }


def test_conditions_and_messages_read_reports(tmp_path: Path) -> None:
    steps = MODEL_STEPS + (
        'gate: Condition, condition: "prep.reports.rows.count[0] >= 10 and '
        "score.reports.bias['a b'].gap < 0.1\", else_steps: stop\n"
        'stop: Fail, message: "only ${prep.reports.rows.count[0]}"\n'
    )
    compiled = compile_demo(tmp_path, steps, demo__preprocess=PREP, demo__evaluate=EVALUATE)
    first, second = (item["LeftValue"]["Std:JsonGet"] for item in conditions(compiled, "gate"))
    assert first == {
        "PropertyFile": {"Get": "Steps.prep.PropertyFiles.rows"},
        "Path": "count[0]",
    }
    assert second["PropertyFile"] == {"Get": "Steps.score.PropertyFiles.bias"}
    (stop,) = arguments(compiled, "gate")["ElseSteps"]
    assert {"Std:JsonGet": first} in stop["Arguments"]["ErrorMessage"]["Std:Join"]["Values"]
    assert compiled.edges()["gate"] == ("prep", "score")


def test_a_version_keeps_the_reports_that_its_registration_names(tmp_path: Path) -> None:
    steps = MODEL_STEPS + (
        "keep: RegisterModel, model_metrics: {bias: score.reports.bias, "
        "model_data_statistics: prep.reports.schema}\n"
    )
    compiled = compile_demo(tmp_path, steps, demo__preprocess=PREP, demo__evaluate=EVALUATE)
    metrics = arguments(compiled, "keep-RegisterModel")["ModelMetrics"]
    assert metrics["ModelQuality"]["Statistics"]["S3Uri"]["Std:Join"]["Values"][-1] == (
        "model_evaluation_metrics.json"
    )
    assert metrics["Bias"]["Report"]["S3Uri"]["Std:Join"]["Values"] == [
        {
            "Get": "Steps.score.ProcessingOutputConfig.Outputs['model_evaluation_metrics'].S3Output.S3Uri"
        },
        "bias.json",
    ]
    assert metrics["ModelDataQuality"]["Statistics"] == {
        "ContentType": "application/json",
        "S3Uri": {
            "Std:Join": {
                "On": "/",
                "Values": [
                    {"Get": "Steps.prep.ProcessingOutputConfig.Outputs['quality'].S3Output.S3Uri"},
                    "deep/schema.json",
                ],
            }
        },
    }
    assert set(compiled.edges()["keep-RegisterModel"]) == {"fit", "prep", "score"}


def test_a_processing_step_evaluates_the_model_that_is_registered(tmp_path: Path) -> None:
    steps = (
        "prep: Processing\n"
        "fit: Training, chain_input_source_step: prep\n"
        "check: Processing, step_type: check, chain_input_source_step: fit\n"
        "keep: RegisterModel, model_metrics: {model_statistics: check.reports.quality}\n"
    )
    check = (
        f"{{kind: preprocess, image_uri: {IMAGE}, entry_point: evaluate.py, "
        "reports: {quality: train/quality.json}}"
    )
    compiled = compile_demo(tmp_path, steps, demo__check=check)
    statistics = arguments(compiled, "keep-RegisterModel")["ModelMetrics"]["ModelQuality"]
    assert statistics["Statistics"]["S3Uri"]["Std:Join"]["Values"][-1] == "quality.json"


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ("{train: }", "s3://${smp:bucket}/executions/demo/"),
        ("{train: {s3Bucket: kept, outputBucketPrefix: /reports/}}", "s3://kept/reports/"),
    ],
)
def test_a_lookup_may_read_the_reports_of_such_versions(
    channels: str, expected: str, tmp_path: Path
) -> None:
    check = (
        f"{{kind: preprocess, image_uri: {IMAGE}, entry_point: evaluate.py, channels: {channels}, "
        "reports: {quality: train/quality.json}}"
    )
    steps = (
        "fit: Training\n"
        "check: Processing, step_type: check, chain_input_source_step: fit\n"
        "keep: RegisterModel, model_metrics: {model_statistics: check.reports.quality}\n"
    )
    reader = (
        "@other\n"
        "approved: ApprovedModel, model: demo\n"
        "gate: Condition, condition: approved.metrics.auc > 0.5, else_steps: stop\n"
        "stop: Fail, message: bad\n"
    )
    text = pipeline_of(reader).replace("pipelineName: demo", "pipelineName: reader")
    write(tmp_path / "model_configs/reader/conf/reader.yaml", text)
    project = load(tmp_path, pipeline_of(steps), demo__check=check)
    compiled = compile_pipeline(build_graph(project, "reader"), tmp_path / "store")
    assert expected in arguments(compiled, "approved")["Reports"].split("\n")


@pytest.mark.parametrize("side", ["if_steps", "else_steps"])
def test_a_copy_on_the_other_side_reads_its_own_report(side: str, tmp_path: Path) -> None:
    steps = (
        "first: Processing\n"
        "gate: Condition, condition: first.reports.rows.count > 1, if_steps: [again], else_steps: [again]\n"
        "again: Processing, chain_input_source_step: first\n"
        "tell: Lambda, function: tell, inputs: {rows: '${again.reports.rows.count}'}\n"
    )
    compiled = compile_demo(tmp_path, steps, demo__preprocess=PREP)
    inside = arguments(compiled, "gate")["IfSteps" if side == "if_steps" else "ElseSteps"]
    named = {item["Name"]: item for item in inside}
    suffix = "" if side == "if_steps" else "-else"
    read = named[f"tell{suffix}"]["Arguments"]["rows"]["Std:JsonGet"]["PropertyFile"]
    assert read == {"Get": f"Steps.again{suffix}.PropertyFiles.rows"}


FAULTS = {
    "in-no-output": ("reports: {a: other/a.json}", "is not a file below one of the job's outputs"),
    "a-channel-alone": ("reports: {a: train}", "is not a file below one of the job's outputs"),
    "up": ("reports: {a: train/../a.json}", "a relative path"),
    "absolute": ("reports: {a: /train/a.json}", "a relative path"),
    "reserved": ("reports: {EvaluationReport: train/a.json}", "every Metrics step has"),
    "name": ("reports: {a b: train/a.json}", "first a letter"),
}


@pytest.mark.parametrize(("keys", "message"), FAULTS.values(), ids=FAULTS)
def test_fails_for_reports_that_no_output_has(keys: str, message: str, tmp_path: Path) -> None:
    prep = f"{{image_uri: {IMAGE}, entry_point: preprocess.py, {keys}}}"
    with pytest.raises(ConfigError, match=message):
        demo_graph(tmp_path, "prep: Processing\n", demo__preprocess=prep)


def test_later_steps_read_what_models_and_versions_are_called(tmp_path: Path) -> None:
    steps = (
        "fit: Training\nserve: CreateModel\nkeep: RegisterModel\n"
        "tell: Lambda, function: tell, inputs: {model: '${serve.outputs.ModelName}', "
        "text: 'new: ${keep.outputs.ModelPackageArn}', artifact: '${fit.outputs.ModelArtifacts}'}, "
        "outputs: {ModelName: String}\n"
        "stop: Fail, message: 'called ${tell.outputs.ModelName}'\n"
    )
    compiled = compile_demo(tmp_path, steps)
    package = {"Get": "Steps.keep-RegisterModel.ModelPackageArn"}
    assert arguments(compiled, "tell") == {
        "model": {"Get": "Steps.serve-CreateModel.ModelName"},
        "text": {"Std:Join": {"On": "", "Values": ["new: ", package]}},
        "artifact": {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"},
    }
    own = {"Get": "Steps.tell.OutputParameters['ModelName']"}
    assert own in arguments(compiled, "stop")["ErrorMessage"]["Std:Join"]["Values"]
    assert set(compiled.edges()["tell"]) == {"fit", "serve-CreateModel", "keep-RegisterModel"}


def test_the_artifact_of_a_search_is_that_of_its_best_job(tmp_path: Path) -> None:
    train = (
        f"{{image_uri: {IMAGE}, entry_point: train.py, "
        "metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}]}"
    )
    tune = "{objective: {metric: auc}, ranges: {depth: {type: integer, min: 1, max: 9}}}"
    steps = (
        "find: Tuning\ntell: Lambda, function: f, inputs: {at: '${find.outputs.ModelArtifacts}'}\n"
    )
    compiled = compile_demo(tmp_path, steps, demo__train=train, demo__tune=tune)
    best = {"Get": "Steps.find.BestTrainingJob.TrainingJobName"}
    assert best in arguments(compiled, "tell")["at"]["Std:Join"]["Values"]
