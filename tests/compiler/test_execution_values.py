"""What an execution knows of itself, in variables and arguments: `${execution.PipelineExecutionId}`."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.expressions import EXECUTION_VALUES
from smp.errors import ConfigError
from smp.export.airflow.dag import render_steps_dag
from smp.export.stepfunctions.state_machine import render_state_machine
from tests.compiler.compiling import arguments, compile_demo, demo_graph
from tests.graph.workspace import IMAGE

IDENTIFIER = {"Get": "Execution.PipelineExecutionId"}
TEXT = "run-${execution.PipelineExecutionId}-${parameters.day}"
JOINED = {"Std:Join": {"On": "", "Values": ["run-", IDENTIFIER, "-", {"Get": "Parameters.day"}]}}
DAY = "[]\n    parameters: [{name: day, default: monday}]"


@pytest.mark.parametrize("name", EXECUTION_VALUES)
def test_a_variable_is_a_value_of_the_execution(name: str, tmp_path: Path) -> None:
    prep = (
        f"{{image_uri: {IMAGE}, entry_point: preprocess.py, env: {{V: '${{execution.{name}}}'}}}}"
    )
    compiled = compile_demo(tmp_path, "prep: Processing\n", demo__preprocess=prep)
    assert arguments(compiled, "prep")["Environment"] == {"V": {"Get": f"Execution.{name}"}}
    assert render_state_machine(compiled)
    assert render_steps_dag(compiled)


def test_every_environment_takes_them_also_inside_text(tmp_path: Path) -> None:
    keys = f"env: {{RUN: '{TEXT}'}}"
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nfit: Training\nserve: CreateModel\npredict: Transform\nkeep: RegisterModel\n"
        "score: Metrics, chain_input_source_step: predict\n",
        DAY,
        demo__preprocess=f"{{image_uri: {IMAGE}, entry_point: preprocess.py, {keys}, "
        f"arguments: [--run, '{TEXT}']}}",
        demo__train=f"{{image_uri: {IMAGE}, entry_point: train.py, {keys}}}",
        demo__transform="{entry_point: inference.py, channels: {train: {dataFiles: "
        f"[{{fileName: 's3://data/rows'}}]}}}}, {keys}}}",
        demo__evaluate=f"{{image_uri: {IMAGE}, entry_point: evaluate.py, {keys}}}",
        demo__registry=f"{{ModelRepack: false, InferenceSpecification: {{image_uri: {IMAGE}, {keys}}}, "
        f"CustomerMetadataProperties: {{run: '{TEXT}'}}}}",
    )
    for name in ("prep", "fit", "predict", "score"):
        assert arguments(compiled, name)["Environment"]["RUN"] == JOINED
    assert arguments(compiled, "prep")["AppSpecification"]["ContainerArguments"][2] == JOINED
    container = arguments(compiled, "serve-CreateModel")["PrimaryContainer"]
    assert container["Environment"]["RUN"] == JOINED
    request = arguments(compiled, "keep-RegisterModel")
    assert request["CustomerMetadataProperties"]["run"] == JOINED
    assert request["InferenceSpecification"]["Containers"][0]["Environment"]["RUN"] == JOINED


def test_items_stand_beside_them(tmp_path: Path) -> None:
    prep = (
        f"{{image_uri: {IMAGE}, entry_point: preprocess.py, "
        "env: {V: '${item}/${execution.PipelineName}/${item}'}}"
    )
    steps = "each: ForEach, max_concurrency: 2, items: [a, b], steps: [prep]\nprep: Processing\n"
    compiled = compile_demo(tmp_path, steps, demo__preprocess=prep)
    values = arguments(compiled, "prep")["Environment"]["V"]["Std:Join"]["Values"]
    assert values[2] == {"Get": "Execution.PipelineName"}
    assert values[0] == values[4] == {"Get": "ForEach.CurrentItem"}


FAULTS = {
    "unknown": "env: {V: '${execution.Id}'}",
    "another-case": "env: {V: '${execution.pipelinename}'}",
    "a-file": "channels: {train: {dataFiles: [{sourceName: a, "
    "fileName: 's3://data/${execution.PipelineName}'}]}}",
    "a-bucket": "channels: {train: {s3BucketName: '${execution.PipelineName}'}}",
    "a-machine": "instance_type: '${execution.PipelineName}'",
}


@pytest.mark.parametrize("keys", FAULTS.values(), ids=FAULTS)
def test_fails_where_it_is_unknown_or_permissions_depend_on_it(keys: str, tmp_path: Path) -> None:
    prep = f"{{image_uri: {IMAGE}, entry_point: preprocess.py, {keys}}}"
    with pytest.raises(
        ConfigError, match="is no value of an execution, or is not possible"
    ) as caught:
        demo_graph(tmp_path, "prep: Processing\n", demo__preprocess=prep)
    assert "${execution.PipelineExecutionId}" in str(caught.value)
