"""Several pre-processing and several evaluation steps of one model, each with a section of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.errors import ConfigError
from smp.graph import build_graph
from tests.compiler.compiling import (
    arguments,
    compile_demo,
    processing_inputs,
    processing_outputs,
    step,
)
from tests.graph.workspace import DIRECTORY, IMAGE, load, pipeline_of, write

CLEAN = (
    f"{{kind: preprocess, image_uri: {IMAGE}, entry_point: clean.py, base_job_name: cleaning, "
    "env: {DEPTH: 3}, channels: {rows: {dataFiles: [{sourceName: log, fileName: s3://data/log}]}}}"
)
FAIRNESS = (
    f"{{kind: evaluate, image_uri: {IMAGE}, entry_point: fairness.py, "
    "content_type: text/csv, channels: {train: {bucket_prefix: reports}}}"
)
STEPS = (
    "clean: Processing, step_type: clean\n"
    "prep: Processing, chain_input_source_step: clean\n"
    "fit: Training, chain_input_source_step: prep\n"
    "model: CreateModel\n"
    "predict: Transform, chain_input_source_step: prep\n"
    "score: Metrics, chain_input_source_step: predict\n"
    "fair: Metrics, step_type: fairness, chain_input_source_step: [predict, clean]\n"
    "keep: RegisterModel\n"
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for script in ("clean.py", "fairness.py"):
        write(tmp_path / DIRECTORY / "scripts" / script, "")
    return tmp_path


def test_each_step_runs_the_job_of_its_own_section(workspace: Path) -> None:
    steps = STEPS.replace("[predict, clean]", "predict")
    compiled = compile_demo(workspace, steps, demo__clean=CLEAN, demo__fairness=FAIRNESS)
    clean, prep = arguments(compiled, "clean"), arguments(compiled, "prep")
    assert clean["AppSpecification"]["ContainerEntrypoint"][-1].endswith("python3 -m clean")
    assert prep["AppSpecification"]["ContainerEntrypoint"][-1].endswith("python3 -m preprocess")
    assert clean["Environment"] == {"DEPTH": "3"}
    assert clean["ProcessingJobName"] == "cleaning"
    assert set(processing_inputs(compiled, "clean")) == {"log"}
    assert set(processing_outputs(compiled, "clean")) == {"rows"}
    rows = {"Get": "Steps.clean.ProcessingOutputConfig.Outputs['rows'].S3Output.S3Uri"}
    assert processing_inputs(compiled, "prep")["clean-input-rows"]["S3Uri"] == {
        "Std:Join": {"On": "", "Values": [rows, "/"]}
    }


def test_each_evaluation_has_a_report_of_its_own(workspace: Path) -> None:
    steps = STEPS.replace("[predict, clean]", "predict")
    compiled = compile_demo(workspace, steps, demo__clean=CLEAN, demo__fairness=FAIRNESS)
    places = {
        name: processing_outputs(compiled, name)["model_evaluation_metrics"]["S3Uri"]["Std:Join"]
        for name in ("score", "fair")
    }
    assert places["score"]["Values"][0] == "s3://${smp:bucket}/demo/evaluation"
    assert places["fair"]["Values"][0] == "s3://${smp:bucket}/reports/demo/evaluation-fair"
    files = [step(compiled, name)["PropertyFiles"][0]["FilePath"] for name in places]
    assert files == ["model_evaluation_metrics.json"] * 2


def test_two_evaluations_by_one_section_do_not_share_a_report(workspace: Path) -> None:
    steps = STEPS.replace(", step_type: fairness", "").replace("[predict, clean]", "predict")
    compiled = compile_demo(workspace, steps, demo__clean=CLEAN)
    uris = [
        processing_outputs(compiled, name)["model_evaluation_metrics"]["S3Uri"]["Std:Join"]
        for name in ("score", "fair")
    ]
    assert uris[0]["Values"][0] != uris[1]["Values"][0]


def test_the_version_gets_the_statistics_of_the_last_evaluation_before_it(workspace: Path) -> None:
    steps = STEPS.replace("[predict, clean]", "predict")
    compiled = compile_demo(workspace, steps, demo__clean=CLEAN, demo__fairness=FAIRNESS)
    statistics = arguments(compiled, "keep-RegisterModel")["ModelMetrics"]["ModelQuality"]
    assert statistics["Statistics"]["ContentType"] == "text/csv"
    assert "Steps.fair." in str(statistics["Statistics"]["S3Uri"])


def test_conditions_read_any_of_the_reports(workspace: Path) -> None:
    steps = STEPS.replace("[predict, clean]", "predict").replace("keep: RegisterModel\n", "")
    steps += "good: Condition, condition: score.metrics.auc > 0.8 and fair.metrics.gap < 0.1, "
    steps += "if_steps: keep\nkeep: RegisterModel"
    compiled = compile_demo(workspace, steps, demo__clean=CLEAN, demo__fairness=FAIRNESS)
    asked = str(arguments(compiled, "good")["Conditions"])
    assert "Steps.score.PropertyFiles" in asked
    assert "Steps.fair.PropertyFiles" in asked


def test_a_channel_that_the_evaluation_does_not_read_fails(workspace: Path) -> None:
    with pytest.raises(ConfigError, match="has no output 'train', the channel of the fairness sec"):
        compile_demo(workspace, STEPS, demo__clean=CLEAN, demo__fairness=FAIRNESS)


def test_a_section_may_stand_in_another_file_and_change_by_environment(workspace: Path) -> None:
    text = pipeline_of("clean: Processing, step_type: clean")
    text += "  environments:\n    prod:\n      models:\n        demo:\n"
    text += "          clean: {instance_type: ml.m5.4xlarge}\n"
    text = text.replace(
        "  sagemakerPipeline:",
        f"  models:\n    demo:\n      clean: {CLEAN}\n  sagemakerPipeline:",
        1,
    )
    load(workspace, text)
    project = load_project(workspace, environment="prod")
    compiled = compile_pipeline(build_graph(project, "demo"), workspace / "store")
    cluster = arguments(compiled, "clean")["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceType"] == "ml.m5.4xlarge"


def test_the_same_section_in_two_files_fails(workspace: Path) -> None:
    text = pipeline_of("clean: Processing, step_type: clean")
    text = text.replace(
        "  sagemakerPipeline:",
        f"  models:\n    demo:\n      clean: {CLEAN}\n  sagemakerPipeline:",
        1,
    )
    with pytest.raises(
        ConfigError, match="the section 'clean' of the model 'demo' is defined twice"
    ):
        load(workspace, text, demo__clean=CLEAN)


def test_a_script_that_is_not_there_fails(tmp_path: Path) -> None:
    with pytest.raises(
        Exception, match=r"conf\.models\.demo\.clean\.entry_point: there is no such"
    ):
        load(tmp_path, pipeline_of("clean: Processing, step_type: clean"), demo__clean=CLEAN)
