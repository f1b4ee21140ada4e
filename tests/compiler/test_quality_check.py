"""QualityCheck steps in the definition, what a registered version keeps of them, and permissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.definition.request_check import check_requests, check_step_request
from smp.graph import build_graph
from tests.compiler.compiling import arguments, compile_demo, directory, step
from tests.graph.workspace import load, pipeline_of

DATA = "check: QualityCheck, check: data_quality, baseline_dataset: 's3://data/x.csv'"
MODEL = (
    "check: QualityCheck, check: model_quality, baseline_dataset: 's3://data/p.csv', "
    "problem_type: BinaryClassification, ground_truth_attribute: truth"
)


def source(step_name: str, member: str) -> Any:
    uri = {"Get": f"Steps.{step_name}.{member}"}
    return {"ContentType": "application/json", "S3Uri": uri}


def test_a_check_of_data_in_the_definition(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{DATA}, env: {{LEVEL: 3}}")
    found = step(compiled, "check")
    place = ["s3://${smp:bucket}/executions", "demo", {"Get": "Execution.PipelineExecutionId"}]
    assert {key: value for key, value in found.items() if key != "Arguments"} == {
        "Name": "check",
        "Type": "QualityCheck",
        "CheckType": "DATA_QUALITY",
        "ModelPackageGroupName": "demo-demo",
        "SkipCheck": False,
        "FailOnViolation": True,
        "RegisterNewBaseline": False,
    }
    assert found["Arguments"] == {
        "ProcessingInputs": [
            {
                "InputName": "baseline_dataset_input",
                "S3Input": {
                    "S3Uri": "s3://data/x.csv",
                    "LocalPath": "/opt/ml/processing/input/baseline_dataset_input",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "quality_check_output",
                    "S3Output": {
                        "S3Uri": {
                            "Std:Join": {
                                "On": "/",
                                "Values": [*place, "check", "output", "results"],
                            }
                        },
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ],
            "KmsKeyId": "${smp:kms_key_arn}",
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.xlarge",
                "VolumeSizeInGB": 32,
                "VolumeKmsKeyId": "${smp:kms_key_arn}",
            }
        },
        "AppSpecification": {"ImageUri": "${smp:image.model-monitor}"},
        "RoleArn": "${smp:role_arn}",
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "Environment": {
            "LEVEL": "3",
            "output_path": "/opt/ml/processing/output",
            "publish_cloudwatch_metrics": "Disabled",
            "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
            "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
        },
        "NetworkConfig": {
            "EnableInterContainerTrafficEncryption": True,
            "EnableNetworkIsolation": False,
            "VpcConfig": {
                "SecurityGroupIds": ["${smp:security_group_ids}"],
                "Subnets": ["${smp:subnets}"],
            },
        },
    }
    assert compiled.images["model-monitor"]["eu-west-1"] == (
        "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"
    )


def test_a_check_of_predictions_says_which_column_is_what(tmp_path: Path) -> None:
    steps = f"{MODEL}, probability_attribute: '1', probability_threshold: 0.7, dataset_format: json_lines"
    compiled = compile_demo(tmp_path, steps)
    assert step(compiled, "check")["CheckType"] == "MODEL_QUALITY"
    environment = arguments(compiled, "check")["Environment"]
    assert environment["dataset_format"] == '{"json": {"lines": true}}'
    told = {k: v for k, v in environment.items() if "attribute" in k or "type" in k}
    assert told == {
        "analysis_type": "MODEL_QUALITY",
        "problem_type": "BinaryClassification",
        "probability_attribute": "1",
        "probability_threshold_attribute": "0.7",
        "ground_truth_attribute": "truth",
    }


def with_parameters(workspace: Path, steps: str) -> CompiledPipeline:
    text = pipeline_of(steps).replace(
        "    models:",
        "    parameters: [{name: first, type: Boolean, default: false}, {name: day, type: String, "
        "default: monday}, {name: minutes, type: Integer, default: 60}]\n    models:",
        1,
    )
    return compile_pipeline(build_graph(load(workspace, text), "demo"), workspace / "store")


def test_flags_and_data_may_vary(tmp_path: Path) -> None:
    compiled = with_parameters(
        tmp_path,
        "check: QualityCheck, check: data_quality, baseline_dataset: 's3://data/${parameters.day}.csv', "
        "skip_check: '${parameters.first}', register_new_baseline: '${parameters.first}', "
        "max_runtime_seconds: '${parameters.minutes}'",
    )
    first = {"Get": "Parameters.first"}
    assert step(compiled, "check")["SkipCheck"] == first
    assert step(compiled, "check")["RegisterNewBaseline"] == first
    found = arguments(compiled, "check")
    assert found["StoppingCondition"] == {"MaxRuntimeInSeconds": {"Get": "Parameters.minutes"}}
    (data,) = found["ProcessingInputs"]
    values = ["s3://data/", {"Get": "Parameters.day"}, ".csv"]
    assert data["S3Input"]["S3Uri"] == {"Std:Join": {"On": "", "Values": values}}


def test_the_output_of_a_step_is_checked(tmp_path: Path) -> None:
    check = "check: QualityCheck, check: data_quality, chain_input_source_step: prep, chain_output: test"
    compiled = compile_demo(tmp_path, f"prep: Processing\n{check}")
    (data,) = arguments(compiled, "check")["ProcessingInputs"]
    place = "Steps.prep.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"
    assert data["S3Input"]["S3Uri"] == directory(place)
    assert compiled.edges()["check"] == ("prep",)


def test_a_version_keeps_the_baselines_of_the_checks_before_it(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"fit: Training\n{DATA.replace('check:', 'data:', 1)}\n"
        f"{MODEL.replace('check:', 'model:', 1)}, inference_attribute: '0'\nkeep: RegisterModel",
    )
    request = arguments(compiled, "keep-RegisterModel")
    for member, begins in (
        ("ModelMetrics", "CalculatedBaseline"),
        ("DriftCheckBaselines", "BaselineUsedForDriftCheck"),
    ):
        assert {key: value for key, value in request[member].items() if value} == {
            key: {kind: source(name, f"{begins}{kind}") for kind in ("Statistics", "Constraints")}
            for key, name in (("ModelQuality", "model"), ("ModelDataQuality", "data"))
        }
    assert compiled.edges()["keep-RegisterModel"] == ("data", "fit", "model")


def test_a_metrics_report_stays_the_quality_of_the_version(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nfit: Training\nserve: CreateModel\n"
        "predict: Transform, chain_input_source_step: prep\n"
        "report: Metrics, chain_input_source_step: predict\n"
        f"{MODEL}, inference_attribute: '0'\nkeep: RegisterModel",
    )
    quality = arguments(compiled, "keep-RegisterModel")["ModelMetrics"]["ModelQuality"]
    assert "Std:Join" in quality["Statistics"]["S3Uri"]
    assert quality["Constraints"] == source("check", "CalculatedBaselineConstraints")


def test_the_request_is_checked_against_the_service_s_own(tmp_path: Path) -> None:
    found = step(compile_demo(tmp_path, DATA), "check")
    assert not check_step_request(found)
    wrong = {**found, "Arguments": {**found["Arguments"], "StoppingCondition": {"Max": 1}}}
    assert [path for path, _ in check_step_request(wrong)] == [
        "Arguments.StoppingCondition.MaxRuntimeInSeconds",
        "Arguments.StoppingCondition.Max",
    ]


def test_permissions_for_data_baselines_image_and_group(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{DATA}, model_package_group: Others, "
        "supplied_baseline_statistics: 's3://old/s.json', "
        "supplied_baseline_constraints: 's3://old/c.json'",
    )
    permissions = plan_permissions(compiled)
    assert not permissions.unknown_step_types
    reads = next(s for s in permissions.data if s.sid == "ReadData")
    assert list(reads.resources) == [
        f"arn:${{smp:partition}}:s3:::{key}{below}"
        for key in ("data/x.csv", "old/c.json", "old/s.json")
        for below in ("", "/*")
    ]
    named = {s.sid: s for s in permissions.pipeline}
    assert set(named) == {
        "DecryptResults",
        "FindBaselines",
        "PassJobRole",
        "ReadResults",
        "RunProcessingJobs",
    }
    place = "arn:${smp:partition}:sagemaker:${smp:region}:${smp:account_id}"
    assert list(named["FindBaselines"].resources) == [
        f"{place}:model-package-group/Others",
        f"{place}:model-package-group/others",
        f"{place}:model-package/Others/*",
        f"{place}:model-package/others/*",
    ]
    assert [r.rpartition(":::")[2] for r in named["ReadResults"].resources] == [
        "old/c.json",
        "old/c.json/*",
        "old/s.json",
        "old/s.json/*",
        "${smp:bucket}/executions/demo/*",
    ]
    runtime = {s.sid: s for s in permissions.runtime}
    assert list(runtime["PullImages"].resources) == [
        "arn:${smp:partition}:ecr:${smp:region}:${smp:image_account.model-monitor}"
        ":repository/sagemaker-model-monitor-analyzer"
    ]
    assert any("/aws/sagemaker/ProcessingJobs" in r for r in runtime["WriteLogs"].resources)


@pytest.mark.parametrize("key", ["skip_check", "fail_on_violation", "register_new_baseline"])
def test_flags_in_words(key: str, tmp_path: Path) -> None:
    member = "".join(part.title() for part in key.split("_"))
    compiled = compile_demo(tmp_path, f"{DATA}, {key}: 'no'")
    assert step(compiled, "check")[member] is False


def test_the_threshold_of_a_prediction_may_vary(tmp_path: Path) -> None:
    text = pipeline_of(
        f"{MODEL}, probability_attribute: p, probability_threshold: '${{parameters.t}}'"
    )
    text = text.replace(
        "    models:", "    parameters: [{name: t, type: Float, default: 0.5}]\n    models:", 1
    )
    compiled = compile_pipeline(build_graph(load(tmp_path, text), "demo"), tmp_path / "store")
    told = arguments(compiled, "check")["Environment"]["probability_threshold_attribute"]
    assert told == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.t"}]}}
    assert check_requests(compiled) == []
