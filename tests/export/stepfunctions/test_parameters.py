"""The input of an execution: parameters in their types, or an end before anything starts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.definitions import get, join, parameter, pipeline, processing
from tests.export.step_functions import Engine

Json = dict[str, Any]
pytestmark = pytest.mark.slow

PARAMETERS = [
    parameter("mode", DefaultValue="fast", EnumValues=["fast", "full"]),
    parameter("input-key", DefaultValue="all"),
    parameter("machines", "Integer", DefaultValue=1),
    parameter("rate", "Float", DefaultValue=0.5),
    parameter("check", "Boolean", DefaultValue=True),
]


def parametrised() -> Any:
    step = processing(
        "prep",
        join("s3://raw", get("Parameters.input-key"), on="/"),
        environment={
            "MODE": get("Parameters.mode"),
            "RATE": join("", get("Parameters.rate"), on=""),
            "CHECK": join("", get("Parameters.check"), on=""),
        },
    )
    cluster = step["Arguments"]["ProcessingResources"]["ClusterConfig"]
    cluster["InstanceCount"] = get("Parameters.machines")
    return pipeline(step, parameters=PARAMETERS)


@pytest.mark.parametrize(
    ("given", "machines", "environment", "key"),
    [
        ({}, 1, {"MODE": "fast", "RATE": "0.5", "CHECK": "true"}, "all"),
        (
            {"mode": "full", "input-key": "it's", "machines": 2, "rate": 0.25, "check": False},
            2,
            {"MODE": "full", "RATE": "0.25", "CHECK": "false"},
            "it's",
        ),
        (
            {"machines": "3", "rate": "1e-3", "check": "False"},
            3,
            {"MODE": "fast", "RATE": "0.001", "CHECK": "false"},
            "all",
        ),
    ],
    ids=["defaults", "values", "texts"],
)
def test_parameters_keep_their_types(
    engine: Engine, given: Json, machines: int, environment: Json, key: str
) -> None:
    done = engine.run(parametrised(), given=given)
    assert (done.status, done.cause) == ("SUCCEEDED", "")
    request = done.calls[0].request
    assert request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] == machines
    assert request["Environment"] == environment
    assert request["ProcessingInputs"][0]["S3Input"]["S3Uri"] == f"s3://raw/{key}"


def test_wrong_parameters_fail_before_anything_starts_and_all_at_once(engine: Engine) -> None:
    given = {"mode": "slow", "machines": 1.5, "rate": "x", "check": 1, "other": 1, "input-key": 7}
    done = engine.run(parametrised(), given=given)
    assert (done.status, done.error) == ("FAILED", "WrongParameters")
    assert done.cause.split("; ") == [
        "other: no such parameter, the pipeline has mode, input-key, machines, rate, check",
        "mode: must be one of fast, full",
        "input-key: must be of type String",
        "machines: must be of type Integer",
        "rate: must be of type Float",
        "check: must be of type Boolean",
    ]
    assert not done.calls


def test_a_long_value_and_a_missing_one_are_refused(engine: Engine) -> None:
    needed = pipeline(
        processing("prep", environment={"DAY": get("Parameters.day")}),
        parameters=[parameter("day"), parameter("note", DefaultValue="")],
    )
    assert engine.run(needed).cause == "day: is required"
    long = engine.run(needed, given={"day": "monday", "note": "x" * 1025})
    assert long.cause == "note: at most 1,024 characters are allowed"


def test_a_pipeline_without_parameters_takes_none(engine: Engine) -> None:
    done = engine.run(pipeline(processing("prep")), given={"Comment": "hello"})
    assert done.cause == "Comment: no such parameter, the pipeline has none"
