"""No job reads the siblings of its inputs: prefixes end with `/`, or name one object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.close_prefixes import close_prefixes
from smp.config.sections.parameters import ParameterConfig
from smp.definition.language import step_property
from tests.compiler.compiling import compile_demo, example_graphs

OUTPUT = "Steps.prep.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"
DECLARED: dict[str, dict[str, Any]] = {
    "open": {},
    "day": {"default": "monday"},
    "file": {"default": "a.csv", "allowed_values": ["a.csv", "b.csv"]},
    "mixed": {"default": "a.csv", "allowed_values": ["a.csv", "b"]},
}
PARAMETERS = [
    ParameterConfig.model_validate({"name": name, "type": "String", **more})
    for name, more in DECLARED.items()
]


def get(name: str) -> dict[str, str]:
    return {"Get": name}


def join(*values: Any, on: str = "") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": list(values)}}


def closed(uri: Any, **around: Any) -> Any:
    step = {"Arguments": {"S3Input": {"S3DataType": "S3Prefix", "S3Uri": uri}}, **around}
    (found,) = close_prefixes([step], PARAMETERS)
    return found["Arguments"]["S3Input"]["S3Uri"]


@pytest.mark.parametrize(
    "uri",
    [
        "s3://b/k/",
        "s3://b/k/train.csv",
        "s3://b/k/model.tar.gz",
        "s3://b/k/part-0.c000.snappy.parquet",
        get("Parameters.open"),
        get("Parameters.day"),
        get("Steps.fit.ModelArtifacts.S3ModelArtifacts"),
        get("Steps.call.OutputParameters['place']"),
        join("s3://b/", get("Parameters.open"), ".csv"),
        join("s3://b/", get("Parameters.open"), "/"),
        join("s3://b", get("Parameters.file"), on="/"),
        join(get(OUTPUT), "test/x_test.csv", on="/"),
        join("s3://b", get("Steps.search.BestTrainingJob.TrainingJobName"), "x/m.tar.gz", on="/"),
    ],
)
def test_a_closed_prefix_stays_as_it_is(uri: Any) -> None:
    assert closed(uri) == uri


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://b", "s3://b/"),
        ("s3://my.bucket", "s3://my.bucket/"),
        ("s3://b/train", "s3://b/train/"),
        ("s3://b/v1.2", "s3://b/v1.2/"),
        ("s3://b/k/.hidden", "s3://b/k/.hidden/"),
        (get(OUTPUT), join(get(OUTPUT), "/")),
        (
            get("Steps.predict.TransformOutput.S3OutputPath"),
            join(get("Steps.predict.TransformOutput.S3OutputPath"), "/"),
        ),
        (join(get(OUTPUT), "test", on="/"), join(get(OUTPUT), "/test/")),
        (
            join("s3://b", "x", get("Parameters.open"), on="/"),
            join("s3://b/x/", get("Parameters.open"), "/"),
        ),
        (join("s3://b/", get("Parameters.day")), join("s3://b/", get("Parameters.day"), "/")),
        (join("s3://b/", get("Parameters.mixed")), join("s3://b/", get("Parameters.mixed"), "/")),
    ],
)
def test_an_open_prefix_is_closed(uri: Any, expected: Any) -> None:
    assert closed(uri) == expected
    assert closed(expected) == expected


@pytest.mark.parametrize(
    ("items", "field", "is_closed"),
    [
        (["a", "b"], "", False),
        (["a.csv", "b.csv"], "", True),
        (["a.csv", "b"], "", False),
        ([json.dumps({"f": "a.csv"}), json.dumps({"f": "b.csv"})], ".f", True),
        ([json.dumps({"f": "a"}), json.dumps({"f": "b"})], ".f", False),
        (["{a.csv", "b.csv"], "", True),
        (get("Parameters.open"), "", False),
    ],
)
def test_the_items_of_a_loop_decide(items: Any, field: str, is_closed: bool) -> None:
    uri = join("s3://b/", get(f"ForEach.CurrentItem{field}"))
    inner = {"S3DataType": "S3Prefix", "S3Uri": uri}
    loop = {"Type": "ForEach", "Arguments": {"IterableItems": items, "ForEachBody": [inner]}}
    (found,) = close_prefixes([loop], PARAMETERS)
    values = found["Arguments"]["ForEachBody"][0]["S3Uri"]["Std:Join"]["Values"]
    assert (values[-1] != "/") == is_closed


def test_a_manifest_is_one_object() -> None:
    source = {"S3DataType": "ManifestFile", "S3Uri": "s3://b/list"}
    assert close_prefixes([source], ()) == [source]


def prefixes_of(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if value.get("S3DataType") == "S3Prefix":
            yield value["S3Uri"]
        for item in value.values():
            yield from prefixes_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from prefixes_of(item)


def test_every_prefix_of_the_examples_is_closed(tmp_path: Path) -> None:
    from smp.compiler.compile import compile_pipeline

    found = [
        uri
        for graph in example_graphs()
        for uri in prefixes_of(compile_pipeline(graph, tmp_path).definition["Steps"])
    ]
    assert len(found) > 20
    for uri in found:
        artifact = step_property(uri)
        last = uri["Std:Join"]["Values"][-1] if "Std:Join" in uri else uri
        assert (
            (artifact and artifact[1] == "ModelArtifacts.S3ModelArtifacts")
            or last.endswith("/")
            or "." in last.rpartition("/")[2]
        ), uri


def test_outputs_with_names_that_begin_alike_are_apart(tmp_path: Path) -> None:
    section = (
        "{image_uri: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1, "
        "entry_point: preprocess.py, channels: {train: , train_aug: }}"
    )
    steps = "prep: Processing\nfit: Training, chain_input_source_step: prep"
    compiled = compile_demo(tmp_path, steps, demo__preprocess=section)
    uris = [*prefixes_of(compiled.definition["Steps"][1])]
    assert join(get(OUTPUT), "/") in uris
    assert get(OUTPUT) not in uris
