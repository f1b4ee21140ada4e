"""Jobs write nowhere near the scripts and definitions of all pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.reserved import check_reserved
from smp.definition.reserved_prefixes import reserved_prefix

BUCKET = "s3://${smp:bucket}"
PARAMETERS = [
    {"Name": "Any", "Type": "String", "DefaultValue": "x"},
    {"Name": "Listed", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "code"]},
    {"Name": "Safe", "Type": "String", "DefaultValue": "a", "EnumValues": ["a", "b"]},
]


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def parameter(name: str) -> dict[str, str]:
    return {"Get": f"Parameters.{name}"}


def problems(output: Any) -> list[str]:
    arguments = {"OutputDataConfig": {"S3OutputPath": output}}
    step = {"Name": "train", "Type": "Training", "Arguments": arguments}
    definition = {"Version": "2020-12-01", "Parameters": PARAMETERS, "Steps": [step]}
    return [name for name, _ in check_reserved(CompiledPipeline("p", definition, (), Path()))]


@pytest.mark.parametrize(
    "output",
    [
        f"{BUCKET}/code",
        f"{BUCKET}/code/",
        f"{BUCKET}/code/abc",
        f"{BUCKET}/definitions/p.json",
        f"{BUCKET}//code/x",
        f"{BUCKET}/",
        BUCKET,
        join(BUCKET, parameter("Any")),
        join(BUCKET, parameter("Any"), "out"),
        join(BUCKET, parameter("Listed"), "out"),
        {"Std:Join": {"On": "", "Values": [f"{BUCKET}/co", parameter("Any")]}},
        join(BUCKET, "code", {"Get": "Execution.PipelineExecutionId"}),
    ],
)
def test_fails_where_a_job_could_write_over_scripts(output: Any) -> None:
    assert problems(output) == ["train"]


@pytest.mark.parametrize(
    "output",
    [
        f"{BUCKET}/codes/x",
        f"{BUCKET}/data/code/x",
        "s3://other/code/x",
        join(f"{BUCKET}/co", parameter("Any")),
        join(f"{BUCKET}/data", parameter("Any")),
        join(BUCKET, parameter("Safe"), "out"),
        join(BUCKET, "churn", {"Get": "Execution.PipelineExecutionId"}),
    ],
)
def test_other_places_are_free(output: Any) -> None:
    assert problems(output) == []


@pytest.mark.parametrize(
    ("uri", "prefix"),
    [
        (f"{BUCKET}/code/x", "code"),
        (f"{BUCKET}/definitions", "definitions"),
        (f"{BUCKET}/coder", None),
        ("s3://other/code", None),
        ("code/x", None),
    ],
)
def test_the_prefix_of_an_address(uri: str, prefix: str | None) -> None:
    assert reserved_prefix(uri) == prefix
