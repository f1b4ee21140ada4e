"""Settings that public pipelines have: arguments, isolation, clients, metadata, caches of further steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.errors import ConfigError
from tests.compiler.compiling import arguments, compile_demo, demo_graph, step
from tests.graph.workspace import IMAGE

PREP = f"image_uri: {IMAGE}, entry_point: preprocess.py"
SERVE = "fit: Training\nserve: CreateModel\npredict: Transform\n"
TRANSFORM = (
    "entry_point: inference.py, channels: {train: {dataFiles: [{fileName: 's3://data/rows.csv'}]}}"
)


def registry(*keys: str, inference: str = "") -> str:
    """Return a registry section with further keys."""
    more = "".join(f", {key}" for key in keys)
    inside = f", {inference}" if inference else ""
    return f'{{ModelRepack: "False", InferenceSpecification: {{image_uri: {IMAGE}{inside}}}{more}}}'


@pytest.mark.parametrize("section", ["preprocess", "evaluate"])
def test_a_script_gets_its_arguments_in_order(section: str, tmp_path: Path) -> None:
    steps = "prep: Processing\nscore: Metrics, chain_input_source_step: prep\n"
    name = {"preprocess": "prep", "evaluate": "score"}[section]
    text = (
        f"{{image_uri: {IMAGE}, entry_point: {section}.py, arguments: [--rows, 1000, 'a b', true]}}"
    )
    compiled = compile_demo(tmp_path, steps, **{f"demo__{section}": text})
    application = arguments(compiled, name)["AppSpecification"]
    assert application["ContainerEntrypoint"][-1].endswith(f'exec python3 -m {section} "$@"')
    assert application["ContainerArguments"] == [f"{section}.py", "--rows", "1000", "a b", "true"]


def test_a_job_without_arguments_has_none(tmp_path: Path) -> None:
    application = arguments(compile_demo(tmp_path, "prep: Processing\n"), "prep")[
        "AppSpecification"
    ]
    assert "ContainerArguments" not in application
    assert '"$@"' not in application["ContainerEntrypoint"][-1]


def test_spark_passes_the_arguments_on(tmp_path: Path) -> None:
    section = (
        "{framework: spark, framework_version: '3.3', entry_point: preprocess.py, "
        "arguments: [--input, 's3://data/rows']}"
    )
    compiled = compile_demo(tmp_path, "prep: Processing\n", demo__preprocess=section)
    command = arguments(compiled, "prep")["AppSpecification"]["ContainerEntrypoint"][-1]
    assert command.endswith('/code/preprocess.py "$@"')


def test_arguments_follow_parameters(tmp_path: Path) -> None:
    text = f"{{{PREP}, arguments: ['--threshold=${{parameters.cut}}', '${{parameters.cut}}']}}"
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\n",
        "[]\n    parameters: [{name: cut, type: Float, default: 0.5}]",
        demo__preprocess=text,
    )
    _, joined, whole = arguments(compiled, "prep")["AppSpecification"]["ContainerArguments"]
    assert joined == {"Std:Join": {"On": "", "Values": ["--threshold=", {"Get": "Parameters.cut"}]}}
    assert whole == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.cut"}]}}


def test_isolated_jobs_have_no_network(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"prep: Processing\n{SERVE}score: Metrics, chain_input_source_step: predict\n",
        demo__preprocess=f"{{{PREP}, network_isolation: true}}",
        demo__train=f"{{image_uri: {IMAGE}, entry_point: train.py, network_isolation: 'true'}}",
        demo__transform=f"{{{TRANSFORM}}}",
        demo__evaluate=f"{{image_uri: {IMAGE}, entry_point: evaluate.py, network_isolation: true}}",
        demo__registry=registry("network_isolation: true"),
    )
    for name in ("prep", "score"):
        assert arguments(compiled, name)["NetworkConfig"]["EnableNetworkIsolation"] is True
    assert arguments(compiled, "fit")["EnableNetworkIsolation"] is True
    assert arguments(compiled, "serve-CreateModel")["EnableNetworkIsolation"] is True


def test_trials_of_a_search_are_isolated_as_the_training_is(tmp_path: Path) -> None:
    train = (
        f"{{image_uri: {IMAGE}, entry_point: train.py, network_isolation: true, "
        "metric_definitions: [{Name: auc, Regex: 'auc=(.*)'}]}"
    )
    tune = "{objective: {metric: auc}, ranges: {depth: {type: integer, min: 1, max: 9}}}"
    compiled = compile_demo(tmp_path, "find: Tuning\n", demo__train=train, demo__tune=tune)
    definition = arguments(compiled, "find")["TrainingJobDefinition"]
    assert definition["EnableNetworkIsolation"] is True


def test_a_transform_says_how_the_model_is_called(tmp_path: Path) -> None:
    keys = (
        "max_concurrent_transforms: 4, max_payload: 6, invocations_timeout_seconds: 900, "
        "invocations_max_retries: 0"
    )
    compiled = compile_demo(tmp_path, SERVE, demo__transform=f"{{{TRANSFORM}, {keys}}}")
    request = arguments(compiled, "predict")
    assert request["MaxConcurrentTransforms"] == 4
    assert request["ModelClientConfig"] == {
        "InvocationsTimeoutInSeconds": 900,
        "InvocationsMaxRetries": 0,
    }


def test_a_version_has_metadata_and_its_container_variables(tmp_path: Path) -> None:
    section = registry(
        "Domain: MACHINE_LEARNING",
        "Task: REGRESSION",
        "SamplePayloadUrl: s3://data/payload.tar.gz",
        "CustomerMetadataProperties: {team: risk, revision: '${parameters.revision}'}",
        inference="env: {LOG_LEVEL: debug, WORKERS: 2}",
    )
    compiled = compile_demo(
        tmp_path,
        f"{SERVE}keep: RegisterModel\n",
        "[]\n    parameters: [{name: revision, default: none}]",
        demo__registry=section,
        demo__transform=f"{{{TRANSFORM}}}",
    )
    request = arguments(compiled, "keep-RegisterModel")
    assert (request["Domain"], request["Task"]) == ("MACHINE_LEARNING", "REGRESSION")
    assert request["SamplePayloadUrl"] == "s3://data/payload.tar.gz"
    assert request["CustomerMetadataProperties"] == {
        "team": "risk",
        "revision": {"Get": "Parameters.revision"},
        "PIPELINE_ARN": {"Get": "Execution.PipelineExecutionArn"},
    }
    (container,) = request["InferenceSpecification"]["Containers"]
    made = arguments(compiled, "serve-CreateModel")["PrimaryContainer"]["Environment"]
    for environment in (container["Environment"], made):
        assert environment["LOG_LEVEL"] == "debug"
        assert environment["WORKERS"] == "2"
        assert environment["SAGEMAKER_PROGRAM"] == "inference.py"


EXTERNAL = {
    "Lambda": "ask: Lambda, function: score, {cache}",
    "Callback": "ask: Callback, queue: people, {cache}",
    "QualityCheck": "ask: QualityCheck, check: data_quality, skip_check: true, "
    "baseline_dataset: 's3://data/rows', {cache}",
    "ClarifyCheck": "ask: ClarifyCheck, check: data_bias, skip_check: true, label: y, "
    "baseline_dataset: 's3://data/rows', facet: [{{name_or_index: age}}], "
    "label_values_or_threshold: [1], {cache}",
}


@pytest.mark.parametrize("line", EXTERNAL.values(), ids=EXTERNAL)
def test_further_classes_take_a_cache(line: str, tmp_path: Path) -> None:
    cached = line.format(cache="enable_cache: true, cache_expire_after: 2d")
    compiled = compile_demo(tmp_path, f"{cached}\n")
    assert step(compiled, "ask")["CacheConfig"] == {"Enabled": True, "ExpireAfter": "2d"}
    plain = compile_demo(tmp_path, line.format(cache="enable_cache: false") + "\n")
    assert "CacheConfig" not in step(plain, "ask")


def test_a_wait_between_attempts_may_be_half_a_day(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "fit: Training, retry: {interval_seconds: 43200}\n")
    assert {item["IntervalSeconds"] for item in step(compiled, "fit")["RetryPolicies"]} == {43200}


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "too-many-arguments": (
        {"demo__preprocess": f"{{{PREP}, arguments: [{', '.join('a' * 100)}]}}"},
        "arguments",
    ),
    "a-long-argument": (
        {"demo__preprocess": f"{{{PREP}, arguments: [{'a' * 257}]}}"},
        "at most 256",
    ),
    "too-much-at-once": (
        {"demo__transform": f"{{{TRANSFORM}, max_payload: 26, max_concurrent_transforms: 4}}"},
        "makes 104 MB",
    ),
    "isolation-of-a-transform": (
        {"demo__transform": f"{{{TRANSFORM}, network_isolation: true}}"},
        "write registry.network_isolation",
    ),
    "reserved-metadata": (
        {"demo__registry": registry("CustomerMetadataProperties: {PIPELINE_ARN: mine}")},
        "is set for every version",
    ),
    "a-variable-that-names-the-script": (
        {
            "demo__registry": registry(inference="env: {SAGEMAKER_PROGRAM: other.py}"),
            "demo__transform": f"{{{TRANSFORM}}}",
        },
        "is set from transform.entry_point",
    ),
    "another-domain": ({"demo__registry": registry("Domain: FINANCE")}, "COMPUTER_VISION"),
}


@pytest.mark.parametrize(("sections", "message"), FAULTS.values(), ids=FAULTS)
def test_fails_for_what_the_service_does_not_take(
    sections: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        demo_graph(tmp_path, f"prep: Processing\n{SERVE}keep: RegisterModel\n", **sections)
    assert len(caught.value.problems) == 1


def test_own_code_may_name_its_script_itself(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "fit: Training\nkeep: RegisterModel\n",
        demo__registry=registry(inference="env: {SAGEMAKER_PROGRAM: other.py}"),
        demo__transform="",
    )
    (container,) = arguments(compiled, "keep-RegisterModel")["InferenceSpecification"]["Containers"]
    assert container["Environment"] == {"SAGEMAKER_PROGRAM": "other.py"}
