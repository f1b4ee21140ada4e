"""Parameters in a definition: declared, typed, and in place of every value that refers to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.compiler.expressions import number_of, put_expressions
from smp.config.sections.parameters import ParameterConfig
from smp.definition.compiled import CompiledPipeline
from smp.definition.expressions import Reference
from smp.definition.request_check import check_requests
from smp.errors import CompileError, ConfigError
from smp.graph import build_graph
from tests.compiler.compiling import arguments, processing_inputs, processing_outputs
from tests.graph.workspace import DIRECTORY, IMAGE, load, write

STEPS = """
    models:
      demo:
        steps:
          - {step_name: prep, step_class: Processing}
          - {step_name: train, step_class: Training}
          - {step_name: serve, step_class: CreateModel}
          - {step_name: predict, step_class: Transform}
          - {step_name: register, step_class: RegisterModel}
"""
DECLARED = """
    parameters:
      - {name: day, default: monday}
      - {name: rounds, type: Integer, default: 100}
      - {name: rate, type: Float, default: 0.5}
      - {name: kind, default: ml.m5.large, allowed_values: [ml.m5.large, ml.m5.xlarge]}
      - {name: status, default: Approved, allowed_values: [Approved, Rejected], description: At first.}
"""
SECTIONS = {
    "preprocess": "entry_point: preprocess.py, instance_type: '${parameters.kind}', "
    "instance_count: '${parameters.rounds}', env: {DAY: '${parameters.day}', "
    "N: '${parameters.rounds}', BOTH: '${parameters.day}-${parameters.rate}'}, channels: {train: "
    "{s3BucketName: data, outputBucketPrefix: 'x-${parameters.day}/y', dataFiles: [{sourceName: raw, "
    "fileName: '${parameters.day}.csv'}, {sourceName: b, fileName: 's3://data/${parameters.day}'}]}}",
    "train": "entry_point: train.py, volume_size_in_gb: '${parameters.rounds}', hyperparameters: "
    "{rounds: '${parameters.rounds}', rate: '${parameters.rate}', day: '${parameters.day}'}",
    "transform": "entry_point: inference.py, max_payload: '${parameters.rounds}', channels: {train: "
    "{dataFiles: [{fileName: 's3://data/x'}]}}",
}
REGISTRY = (
    f'{{ModelRepack: "False", InferenceSpecification: {{image_uri: {IMAGE}, '
    'approval_status: "${parameters.status}"}}'
)


def compiled(
    workspace: Path, declared: str = DECLARED, registry: str = REGISTRY, **sections: str
) -> CompiledPipeline:
    texts = {**SECTIONS, **sections}
    overrides = {f"demo__{name}": f"{{image_uri: {IMAGE}, {text}}}" for name, text in texts.items()}
    text = f"conf:\n  sagemakerPipeline:\n    pipelineName: demo{declared}{STEPS}"
    project = load(workspace, text, demo__registry=registry, **overrides)
    return compile_pipeline(build_graph(project, "demo"), workspace / "store")


def get(name: str) -> dict[str, str]:
    return {"Get": f"Parameters.{name}"}


def join(*values: Any, on: str = "") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> CompiledPipeline:
    return compiled(tmp_path_factory.mktemp("demo"))


def test_parameters_are_declared_with_all_that_is_said_of_them(demo: CompiledPipeline) -> None:
    assert demo.definition["Parameters"] == [
        {"Name": "day", "Type": "String", "DefaultValue": "monday"},
        {"Name": "rounds", "Type": "Integer", "DefaultValue": 100},
        {"Name": "rate", "Type": "Float", "DefaultValue": 0.5},
        {
            "Name": "kind",
            "Type": "String",
            "DefaultValue": "ml.m5.large",
            "EnumValues": ["ml.m5.large", "ml.m5.xlarge"],
        },
        {
            "Name": "status",
            "Type": "String",
            "DefaultValue": "Approved",
            "EnumValues": ["Approved", "Rejected"],
            "Description": "At first.",
        },
    ]


def test_a_parameter_stands_for_a_number_and_for_text(demo: CompiledPipeline) -> None:
    cluster = arguments(demo, "prep")["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceType"], cluster["InstanceCount"]) == (get("kind"), get("rounds"))
    assert arguments(demo, "train")["ResourceConfig"]["VolumeSizeInGB"] == get("rounds")
    assert arguments(demo, "predict")["MaxPayloadInMB"] == get("rounds")
    assert arguments(demo, "register-RegisterModel")["ModelApprovalStatus"] == get("status")


def test_a_number_where_the_service_takes_text_is_joined_into_text(demo: CompiledPipeline) -> None:
    assert arguments(demo, "train")["HyperParameters"] == {
        "rounds": join(get("rounds")),
        "rate": join(get("rate")),
        "day": join('"', get("day"), '"'),
    }
    assert arguments(demo, "prep")["Environment"] == {
        "DAY": get("day"),
        "N": join(get("rounds")),
        "BOTH": join(get("day"), "-", get("rate")),
    }


def test_parameters_stand_in_uris(demo: CompiledPipeline) -> None:
    inputs = processing_inputs(demo, "prep")
    assert inputs["raw"]["S3Uri"] == join("s3://data/", get("day"), ".csv")
    assert inputs["b"]["S3Uri"] == join("s3://data/", get("day"), "/")


def test_joins_stand_in_no_other_join(demo: CompiledPipeline) -> None:
    assert processing_outputs(demo, "prep")["train"]["S3Uri"] == join(
        "s3://data/x-", get("day"), "/y/demo/", {"Get": "Execution.PipelineExecutionId"},
        "/prep/output/train",
    )  # fmt: skip


def test_the_service_would_take_the_requests_with_the_defaults(demo: CompiledPipeline) -> None:
    assert check_requests(demo) == []


def test_a_model_of_several_pipelines_takes_the_parameters_of_each(tmp_path: Path) -> None:
    pipeline = (
        "conf: {{sagemakerPipeline: {{pipelineName: {name}, parameters: [{{name: rounds, {more}}}], "
        "models: {{demo: {{steps: [{{step_name: train, step_class: Training}}]}}}}}}}}"
    )
    other = pipeline.format(name="other", more="type: Integer, default: 5")
    write(tmp_path / DIRECTORY / "conf/other.yaml", other)
    numbers = "{n: '${parameters.rounds}'}"
    train = f"{{image_uri: {IMAGE}, entry_point: train.py, hyperparameters: {numbers}}}"
    project = load(tmp_path, pipeline.format(name="demo", more="default: few"), demo__train=train)
    given = {}
    for name in ("demo", "other"):
        one = compile_pipeline(build_graph(project, name), tmp_path / "store")
        given[name] = arguments(one, "train")["HyperParameters"]["n"]
    assert given == {"demo": join('"', get("rounds"), '"'), "other": join(get("rounds"))}


def test_a_number_that_reached_a_text_is_no_silent_constant() -> None:
    number = number_of(Reference("rounds", "Integer"))
    with pytest.raises(CompileError, match="puts the number 'rounds' into a text"):
        put_expressions(
            [{"Text": f"--count {number}"}], [ParameterConfig(name="rounds", type="Integer")]
        )


def test_a_flag_is_put_into_the_request_as_text_and_becomes_a_flag() -> None:
    reference = Reference("dry", "Boolean")
    with pytest.raises(CompileError, match="cannot be given the flag 'dry'"):
        number_of(reference)
    parameters = [ParameterConfig(name="dry", type="Boolean")]
    assert put_expressions([{"Dry": str(reference)}], parameters) == [{"Dry": get("dry")}]


def test_a_fraction_stands_for_itself() -> None:
    before = [{"Rate": number_of(Reference("rate", "Float")), "Half": 0.5}]
    parameters = [ParameterConfig(name="rate", type="Float")]
    assert put_expressions(before, parameters) == [{"Rate": get("rate"), "Half": 0.5}]


def test_volumes_of_instance_types_with_local_storage_have_no_key(tmp_path: Path) -> None:
    declared = DECLARED.replace("ml.m5.", "ml.g5.").replace("g5.large", "g5.2xlarge")
    cluster = arguments(compiled(tmp_path, declared), "prep")["ProcessingResources"][
        "ClusterConfig"
    ]
    assert "VolumeKmsKeyId" not in cluster


def test_texts_of_a_join_with_parameters_become_part_of_it() -> None:
    execution = {"Get": "Execution.PipelineExecutionId"}
    before = join("s3://b/${parameters.day}/x", execution, "${parameters.day}", on="/")
    parameters = [ParameterConfig(name="day")]
    assert put_expressions([{"Uri": before, "N": 3}], parameters) == [
        {
            "Uri": join("s3://b/", get("day"), "/x/", execution, "/", get("day")),
            "N": 3,
        }
    ]


def test_what_a_transform_sends_and_keeps_may_vary(tmp_path: Path) -> None:
    section = (
        "entry_point: inference.py, content_type: '${parameters.day}', accept: 'text/${parameters.day}', "
        "input_filter: '$[${parameters.rounds}:]', output_filter: '${parameters.day}', "
        "channels: {train: {dataFiles: [{fileName: 's3://data/x'}]}}"
    )
    found = compiled(tmp_path, transform=section)
    request = arguments(found, "predict")
    day = {"Get": "Parameters.day"}
    assert request["TransformInput"]["ContentType"] == day
    assert request["TransformOutput"]["Accept"] == {
        "Std:Join": {"On": "", "Values": ["text/", day]}
    }
    assert request["DataProcessing"] == {
        "InputFilter": {
            "Std:Join": {"On": "", "Values": ["$[", {"Get": "Parameters.rounds"}, ":]"]}
        },
        "OutputFilter": day,
    }
    assert check_requests(found) == []


MODES = """
    parameters:
      - {name: split, default: Line, allowed_values: [Line, None]}
      - {name: strategy, default: MultiRecord}
      - {name: mode, default: File, allowed_values: [File, Pipe]}
      - {name: share, default: ShardedByS3Key}
      - {name: upload, default: EndOfJob}
      - {name: media, default: text/csv}
"""
OF_MODES = {
    "preprocess": "entry_point: preprocess.py, s3_input_mode: '${parameters.mode}', "
    "s3_data_distribution_type: '${parameters.share}', s3_upload_mode: '${parameters.upload}', "
    "channels: {train: {dataFiles: [{sourceName: raw, fileName: 's3://data/x'}]}}",
    "train": "entry_point: train.py, input_mode: '${parameters.mode}', distribution: "
    "'${parameters.share}', content_type: '${parameters.media}', "
    "channels: {train: {dataFiles: [{fileName: 's3://data/x'}]}}",
    "transform": "entry_point: inference.py, split_type: '${parameters.split}', assemble_with: "
    "'${parameters.split}', strategy: '${parameters.strategy}', "
    "channels: {train: {dataFiles: [{fileName: 's3://data/x'}]}}",
}
OF_STATUS = "{ModelRepack: 'False', InferenceSpecification: {image_uri: " + IMAGE + "}}"


def test_enumerations_may_vary(tmp_path: Path) -> None:
    found = compiled(tmp_path, MODES, OF_STATUS, **OF_MODES)
    source = processing_inputs(found, "prep")["raw"]
    assert source["S3InputMode"] == get("mode")
    assert source["S3DataDistributionType"] == get("share")
    assert processing_outputs(found, "prep")["train"]["S3UploadMode"] == get("upload")
    training = arguments(found, "train")
    channel = next(c for c in training["InputDataConfig"] if c["ChannelName"] == "train")
    assert training["AlgorithmSpecification"]["TrainingInputMode"] == get("mode")
    assert (channel["InputMode"], channel["ContentType"]) == (get("mode"), get("media"))
    kind = channel["DataSource"]["S3DataSource"]["S3DataDistributionType"]
    assert kind == get("share")
    predict = arguments(found, "predict")
    assert predict["TransformInput"]["SplitType"] == get("split")
    assert predict["TransformOutput"]["AssembleWith"] == get("split")
    assert predict["BatchStrategy"] == get("strategy")
    assert check_requests(found) == []


def test_fails_where_a_parameter_is_not_of_an_enumeration(tmp_path: Path) -> None:
    declared = MODES.replace("[Line, None]", "[Line, Lines]")
    with pytest.raises(ConfigError) as failure:
        compiled(tmp_path, declared, OF_STATUS, **OF_MODES)
    split, assemble = failure.value.problems
    assert split.path == "conf.models.demo.transform.split_type"
    assert split.found == "'${parameters.split}', where 'split' is 'Lines'"
    assert split.reason == assemble.reason == "is not one of the allowed values"
    assert split.allowed == "'None', 'Line', 'RecordIO' or 'TFRecord'"
    assert assemble.allowed == "'None' or 'Line'"
