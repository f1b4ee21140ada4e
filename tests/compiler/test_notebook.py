"""NotebookJob steps in the definition, the files that the job gets, permissions, picture, review."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.notebook_jobs import is_notebook_job
from smp.definition.permissions.plan import plan_permissions
from smp.definition.request_check import check_step_request
from smp.errors import ScriptError
from smp.graph import build_graph
from smp.picture.dag import read_dag
from smp.picture.svg_picture import render_svg
from smp.review.diff.compare import compare_pipelines
from tests.compiler.compiling import arguments, compile_demo, directory, step, uri_of
from tests.graph.workspace import load, pipeline_of, write

IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/distribution:3"
SOURCES = "model_configs/demo/scripts"
CHANNEL = "sagemaker_headless_execution_pipelinestep"
STEP = (
    f"report: NotebookJob, input_notebook: notebooks/report.ipynb, image_uri: '{IMAGE}', "
    "kernel_name: python3"
)


def write_files(workspace: Path, text: str = "") -> None:
    """Write the notebook and what may lie beside it."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text}]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    write(workspace / SOURCES / "notebooks/report.ipynb", json.dumps(notebook))
    write(workspace / SOURCES / "lib/plots/bars.py", "BARS = 1\n")
    write(workspace / SOURCES / "lib/__init__.py", "")
    write(workspace / SOURCES / "start.sh", "export WORD=x\n")


def compiled_with(workspace: Path, more: str = "", before: str = "") -> CompiledPipeline:
    write_files(workspace)
    return compile_demo(workspace, f"{before}{STEP}{more}")


def channels_of(compiled: CompiledPipeline) -> dict[str, Any]:
    found = arguments(compiled, "report")["InputDataConfig"]
    return {channel["ChannelName"]: channel for channel in found}


def files_of(compiled: CompiledPipeline) -> dict[str, Path]:
    """Return what lies in the directory that the notebook runs in."""
    sha256 = uri_of(channels_of(compiled)[CHANNEL]).rstrip("/").rpartition("/")[2]
    (tree,) = (tree for tree in compiled.code if tree.sha256 == sha256)
    assert tree.origin == "notebook of report"
    return {file.path: compiled.code_store / sha256 / file.path for file in tree.files}


def test_a_notebook_is_the_training_job_that_studio_would_start(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, ", tags: [{Key: team, Value: risk}]")
    found = step(compiled, "report")
    assert found["Type"] == "Training"
    assert is_notebook_job(found)
    request = found["Arguments"]
    channel = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
    uri = uri_of(channels_of(compiled)[CHANNEL])
    place = ["s3://${smp:bucket}/executions", "demo", {"Get": "Execution.PipelineExecutionId"}]
    assert request == {
        "RoleArn": "${smp:role_arn}",
        "RetryStrategy": {"MaximumRetryAttempts": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 172800},
        "EnableInterContainerTrafficEncryption": True,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": ["amazon_sagemaker_scheduler"],
        },
        "InputDataConfig": [
            {
                "ChannelName": CHANNEL,
                "DataSource": {"S3DataSource": {**channel, "S3Uri": uri}},
            }
        ],
        "OutputDataConfig": {
            "S3OutputPath": {
                "Std:Join": {"On": "/", "Values": [*place, "report", "output", "notebook"]}
            },
            "KmsKeyId": "${smp:kms_key_arn}",
        },
        "ResourceConfig": {
            "VolumeSizeInGB": 30,
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeKmsKeyId": "${smp:kms_key_arn}",
        },
        "VpcConfig": {
            "SecurityGroupIds": ["${smp:security_group_ids}"],
            "Subnets": ["${smp:subnets}"],
        },
        "Environment": {
            "AWS_DEFAULT_REGION": "${smp:region}",
            "SM_JOB_DEF_VERSION": "1.0",
            "SM_ENV_NAME": "sagemaker-default-env",
            "SM_SKIP_EFS_SIMULATION": "true",
            "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{CHANNEL}",
            "SM_KERNEL_NAME": "python3",
            "SM_INPUT_NOTEBOOK_NAME": "report.ipynb",
            "SM_OUTPUT_NOTEBOOK_NAME": "report.ipynb",
        },
        "Tags": [
            {"Key": "team", "Value": "risk"},
            {"Key": "sagemaker:name", "Value": "report"},
            {"Key": "sagemaker:notebook-name", "Value": "report.ipynb"},
            {"Key": "sagemaker:notebook-job-origin", "Value": "PIPELINE_STEP"},
            {"Key": "sagemaker:is-studio-archived", "Value": "false"},
        ],
    }
    assert [policy["MaxAttempts"] for policy in found["RetryPolicies"]] == [3, 3]
    assert not check_step_request(found)


def test_what_it_names_lies_beside_the_notebook_by_content(tmp_path: Path) -> None:
    more = ", initialization_script: start.sh, additional_dependencies: [lib, train.py]"
    first = compiled_with(tmp_path / "one", more)
    files = files_of(first)
    assert sorted(files) == [
        "lib/__init__.py",
        "lib/plots/bars.py",
        "report.ipynb",
        "start.sh",
        "train.py",
    ]
    assert files["lib/plots/bars.py"].read_text() == "BARS = 1\n"
    assert arguments(first, "report")["Environment"]["SM_INIT_SCRIPT"] == "start.sh"
    assert compiled_with(tmp_path / "two", more).definition == first.definition
    assert sorted(files_of(compiled_with(tmp_path / "three"))) == ["report.ipynb"]


def test_parameters_and_environment_take_values_of_the_execution(tmp_path: Path) -> None:
    write_files(tmp_path)
    fit = "fit: Training\n"
    metrics = (
        "{image_uri: 'image:1', entry_point: train.py, "
        "metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}]}"
    )
    more = (
        ", parameters: {day: 'on ${parameters.day}', rows: '${parameters.rows}', "
        "auc: '${fit.final_metrics.auc}', fixed: 3}, env: {DAY: '${parameters.day}'}, "
        "instance_type: '${parameters.machine}', max_runtime_seconds: '${parameters.rows}'"
    )
    text = pipeline_of(f"{fit}{STEP}{more}").replace(
        "    models:",
        "    parameters: [{name: day, type: String, default: monday}, {name: rows, type: Integer, "
        "default: 7}, {name: machine, default: ml.m5.large}]\n    models:",
        1,
    )
    project = load(tmp_path, text, demo__train=metrics)
    compiled = compile_pipeline(build_graph(project, "demo"), tmp_path / "store")
    request = arguments(compiled, "report")
    day, rows = {"Get": "Parameters.day"}, {"Get": "Parameters.rows"}
    auc = {"Get": "Steps.fit.FinalMetricDataList['auc'].Value"}
    assert request["HyperParameters"] == {
        "day": {"Std:Join": {"On": "", "Values": ["on ", day]}},
        "rows": {"Std:Join": {"On": "", "Values": [rows]}},
        "auc": {"Std:Join": {"On": "", "Values": [auc]}},
        "fixed": "3",
    }
    assert request["Environment"]["DAY"] == day
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": rows}
    assert request["ResourceConfig"]["InstanceType"] == {"Get": "Parameters.machine"}
    assert compiled.edges()["report"] == ("fit",)


def test_outputs_of_other_steps_are_channels_of_the_job(tmp_path: Path) -> None:
    compiled = compiled_with(
        tmp_path, ", chain_input_source_step: [prep, fit]", "prep: Processing\nfit: Training\n"
    )
    found = {name: uri_of(channel) for name, channel in channels_of(compiled).items()}
    assert list(found) == [CHANNEL, "prep_train", "prep_test", "fit_model"]
    assert found["prep_test"] == directory(
        "Steps.prep.ProcessingOutputConfig.Outputs['test'].S3Output.S3Uri"
    )
    assert found["fit_model"] == {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}
    assert compiled.edges()["report"] == ("fit", "prep")


def test_permissions_are_those_of_a_training_job_with_these_files(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path)
    permissions = plan_permissions(compiled)
    assert not permissions.unknown_step_types
    data = {s.sid: [r.rpartition(":::")[2] for r in s.resources] for s in permissions.data}
    tree = uri_of(channels_of(compiled)[CHANNEL]).removeprefix("s3://")
    assert data == {
        "ReadData": [f"{tree}*"],
        "WriteResults": ["${smp:bucket}/executions/demo/*"],
    }
    assert {s.sid for s in permissions.pipeline} == {"PassJobRole", "RunTrainingJobs"}
    runtime = {s.sid: s for s in permissions.runtime}
    assert list(runtime["PullImages"].resources) == [
        "arn:${smp:partition}:ecr:eu-west-1:111122223333:repository/distribution"
    ]


def test_the_request_is_checked_against_the_service_s_own(tmp_path: Path) -> None:
    found = step(compiled_with(tmp_path), "report")
    wrong = {**found, "Arguments": {**found["Arguments"], "RetryStrategy": {"Attempts": 1}}}
    assert len(check_step_request(wrong)) == 2


def test_the_picture_says_that_it_is_a_notebook(tmp_path: Path) -> None:
    dag = read_dag(compiled_with(tmp_path))
    assert [(item.type, item.instances) for item in dag.steps] == [("NotebookJob", "ml.m5.large")]
    assert "NotebookJob" in render_svg(dag)


def test_a_review_shows_the_notebook_as_code_of_its_step(tmp_path: Path) -> None:
    before = compiled_with(tmp_path / "before", ", parameters: {day: monday}")
    write_files(tmp_path / "after", "changed")
    after = compile_demo(
        tmp_path / "after", f"{STEP}, parameters: {{day: tuesday}}, max_retry_attempts: 2"
    )
    change = compare_pipelines(before, after)
    assert change is not None
    (changed,) = change.steps
    assert changed.code == ("notebook of report",)
    assert {c.name for c in changed.changes} >= {"day"}
    (code,) = change.code
    assert [file.path for file in code.files] == ["report.ipynb"]


def test_fails_for_files_that_are_left_out_of_the_model_s(tmp_path: Path) -> None:
    write(tmp_path / SOURCES / ".smpignore", "*.ipynb\nlib/\n")
    with pytest.raises(ScriptError) as caught:
        compiled_with(tmp_path, ", additional_dependencies: [lib]")
    assert "step report: 'notebooks/report.ipynb', its input_notebook, is left out" in str(
        caught.value
    )
    assert "'lib', its additional_dependencies[0], is left out" in str(caught.value)
