"""ApprovedModel steps in the definition: the lookup, models of what it finds, comparisons with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline, Json
from smp.graph import build_graph
from tests.compiler.compiling import arguments, step
from tests.graph.workspace import IMAGE, load, pipeline_of, write

TRAINING = "fit: Training\nkeep: RegisterModel"
BATCH = "approved: ApprovedModel, {keys}\nserve: CreateModel\npredict: Transform\n"
TRANSFORM = "{channels: {train: {dataFiles: [{fileName: 's3://data/new.csv'}]}}}"
OF_BATCH = {"other__transform": TRANSFORM, "other__train": "", "other__registry": ""}

REPORT = (
    "prep: Processing\nfit: Training\nserve: CreateModel\n"
    "predict: Transform, chain_input_source_step: prep\n"
    "report: Metrics, chain_input_source_step: predict\n"
)
READ = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.report.PropertyFiles.EvaluationReport"},
        "Path": "auc",
    }
}
FOUND = {"Get": "Steps.approved.OutputParameters['Metric1']"}
NONE_YET = {
    "Type": "Equals",
    "LeftValue": {"Get": "Steps.approved.OutputParameters['Exists']"},
    "RightValue": False,
}


def batch(
    workspace: Path, keys: str = "model: demo", training: str = TRAINING, **overrides: str
) -> CompiledPipeline:
    """Compile a pipeline that uses what another one of the workspace registers."""
    text = pipeline_of("@other\n" + BATCH.format(keys=keys)).replace(
        "pipelineName: demo", "pipelineName: batch"
    )
    write(workspace / "model_configs/batch/conf/batch.yaml", text)
    project = load(workspace, pipeline_of(training), **{**OF_BATCH, **overrides})
    return compile_pipeline(build_graph(project, "batch"), workspace / "store")


def gated(workspace: Path, condition: str, when_none: str = "continue") -> CompiledPipeline:
    """Compile a pipeline that compares its candidate with what it registered before."""
    steps = (
        f"{REPORT}approved: ApprovedModel, model: demo, when_none: {when_none}\n"
        f"gate: Condition, condition: '{condition}', if_steps: keep\nkeep: RegisterModel"
    )
    graph = build_graph(load(workspace, pipeline_of(steps)), "demo")
    return compile_pipeline(graph, workspace / "store")


def test_the_lookup_calls_the_projects_own_function(tmp_path: Path) -> None:
    compiled = batch(tmp_path)
    assert step(compiled, "approved") == {
        "Name": "approved",
        "Type": "Lambda",
        "FunctionArn": "${smp:function.approved-model}",
        "Arguments": {
            "ModelPackageGroupName": "demo-demo",
            "Version": "latest",
            "WhenNone": "fail",
            "Artifacts": "s3://${smp:bucket}/models/demo/",
            "Images": IMAGE,
        },
        "OutputParameters": [
            {"OutputName": "ModelPackageArn", "OutputType": "String"},
            {"OutputName": "ModelPackageVersion", "OutputType": "Integer"},
            {"OutputName": "Exists", "OutputType": "Boolean"},
        ],
    }


def test_a_model_is_made_of_the_version_that_was_found(tmp_path: Path) -> None:
    compiled = batch(tmp_path)
    assert arguments(compiled, "serve-CreateModel") == {
        "ExecutionRoleArn": "${smp:role_arn}",
        "PrimaryContainer": {
            "ModelPackageName": {"Get": "Steps.approved.OutputParameters['ModelPackageArn']"}
        },
        "VpcConfig": {
            "SecurityGroupIds": ["${smp:security_group_ids}"],
            "Subnets": ["${smp:subnets}"],
        },
    }
    assert arguments(compiled, "predict")["ModelName"] == {
        "Get": "Steps.serve-CreateModel.ModelName"
    }
    assert step(compiled, "serve-CreateModel")["RetryPolicies"]
    assert compiled.edges()["serve-CreateModel"] == ("approved",)


def test_a_lookup_has_no_retry_policy_for_the_service_takes_none(tmp_path: Path) -> None:
    assert "RetryPolicies" not in step(batch(tmp_path), "approved")


def test_a_version_is_pinned_by_its_number(tmp_path: Path) -> None:
    found = arguments(batch(tmp_path, "model_package_group: demo-demo, version: 7"), "approved")
    assert found["Version"] == "7"


def test_a_parameter_may_pin_the_version(tmp_path: Path) -> None:
    keys = "model: demo, version: '${parameters.model_version}'"
    text = pipeline_of("@other\n" + BATCH.format(keys=keys)).replace(
        "pipelineName: demo",
        "pipelineName: batch\n    parameters: [{name: model_version, type: String, default: latest}]",
    )
    write(tmp_path / "model_configs/batch/conf/batch.yaml", text)
    project = load(tmp_path, pipeline_of(TRAINING), **OF_BATCH)
    compiled = compile_pipeline(build_graph(project, "batch"), tmp_path / "store")
    assert arguments(compiled, "approved")["Version"] == {"Get": "Parameters.model_version"}


def test_places_of_the_config_are_added_to_the_known_ones(tmp_path: Path) -> None:
    keys = f"model: demo, artifacts: ['s3://old/models/'], images: ['{IMAGE}', 'old/image:1']"
    train = f"{{image_uri: {IMAGE}, entry_point: train.py, output_path: 's3://own/place'}}"
    found = arguments(batch(tmp_path, keys, demo__train=train), "approved")
    assert found["Artifacts"].split("\n") == [
        "s3://${smp:bucket}/models/demo/",
        "s3://own/place/",
        "s3://old/models/",
    ]
    assert found["Images"].split("\n") == [IMAGE, "old/image:1"]


def test_a_group_of_elsewhere_needs_its_places(tmp_path: Path) -> None:
    keys = "model_package_group: theirs, artifacts: 's3://theirs/models/', images: 'theirs/image:1'"
    found = arguments(batch(tmp_path, keys), "approved")
    assert (found["ModelPackageGroupName"], found["Artifacts"], found["Images"]) == (
        "theirs",
        "s3://theirs/models/",
        "theirs/image:1",
    )


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        (
            "report.metrics.auc >= approved.metrics.auc",
            {"Type": "GreaterThanOrEqualTo", "LeftValue": READ, "RightValue": FOUND},
        ),
        (
            "report.metrics.auc <= approved.metrics.auc",
            {"Type": "LessThanOrEqualTo", "LeftValue": READ, "RightValue": FOUND},
        ),
        (
            "not approved.metrics.auc > report.metrics.auc",
            {"Type": "LessThanOrEqualTo", "LeftValue": FOUND, "RightValue": READ},
        ),
    ],
)
def test_a_comparison_holds_where_there_is_nothing_to_compare_with(
    text: str, compared: Json, tmp_path: Path
) -> None:
    compiled = gated(tmp_path, text)
    assert arguments(compiled, "gate")["Conditions"] == [
        {"Type": "Or", "Conditions": [NONE_YET, compared]}
    ]
    found = step(compiled, "approved")
    assert found["Arguments"]["Metric1"] == "auc"
    assert found["Arguments"]["Reports"] == "s3://${smp:bucket}/demo/evaluation"
    assert {"OutputName": "Metric1", "OutputType": "Float"} in found["OutputParameters"]


def test_nothing_is_added_where_a_missing_version_fails_the_lookup(tmp_path: Path) -> None:
    compiled = gated(tmp_path, "report.metrics.auc >= approved.metrics.auc", when_none="fail")
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition["Type"] == "GreaterThanOrEqualTo"


def test_each_metric_is_looked_up_once(tmp_path: Path) -> None:
    text = (
        "report.metrics.auc >= approved.metrics.auc and report.metrics.f1.value > "
        "approved.metrics.f1.value and approved.metrics.auc < 0.99"
    )
    found: dict[str, Any] = arguments(gated(tmp_path, text), "approved")
    metrics = {key: value for key, value in found.items() if key.startswith("Metric")}
    assert metrics == {"Metric1": "auc", "Metric2": "f1.value"}


def test_whether_there_is_a_version_can_be_asked(tmp_path: Path) -> None:
    compiled = gated(tmp_path, "approved.outputs.Exists == true")
    assert arguments(compiled, "gate")["Conditions"] == [
        {"Type": "Equals", "LeftValue": NONE_YET["LeftValue"], "RightValue": True}
    ]
