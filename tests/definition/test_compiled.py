"""The compiled pipeline as a value, and the deploy-time names in it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.compiler.sdk.constants import to_constants, to_names
from smp.definition import deploy_values
from smp.definition.compiled import CompiledPipeline
from smp.errors import CompileError
from smp.text.atomic_file import write_atomically
from tests.compiler.compiling import Json, compile_demo

NAMES = (
    deploy_values.ACCOUNT_ID,
    deploy_values.REGION,
    deploy_values.BUCKET,
    deploy_values.ROLE_ARN,
    deploy_values.KMS_KEY_ARN,
    deploy_values.SUBNETS,
    deploy_values.SECURITY_GROUP_IDS,
    deploy_values.image("sklearn-1.2-1"),
)


def pipeline(*steps: Json) -> CompiledPipeline:
    return CompiledPipeline("p", {"Steps": list(steps)}, (), Path("store"))


def reading(name: str, *sources: str, **more: Any) -> Json:
    arguments = [{"Get": f"Steps.{source}.Output"} for source in sources]
    return {"Name": name, "Type": "Training", "Arguments": {"Inputs": arguments}, **more}


def test_it_survives_json(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "prep: Processing\nfit: Training\nregister: RegisterModel",
        dependencies="prep >> fit\n    displayName: Big\n    tags: [{Key: a, Value: b}]",
        demo__preprocess='{framework_version: "1.2-1", entry_point: preprocess.py}',
    )
    text = compiled.to_json()
    assert CompiledPipeline.from_json(text, compiled.code_store) == compiled
    assert CompiledPipeline.from_json(text, compiled.code_store).to_json() == text
    assert str(tmp_path) not in text


def test_steps_wait_for_what_they_read_and_for_what_they_are_told() -> None:
    compiled = pipeline(
        reading("c", "b", DependsOn=["a", {"Step": "d", "Trigger": "Failed"}]),
        reading("a"),
        reading("b", "a", "b"),
        reading("d"),
    )
    assert compiled.edges() == {"c": ("a", "b", "d"), "a": (), "b": ("a",), "d": ()}
    assert compiled.order() == ("a", "b", "d", "c")


def test_steps_inside_a_condition_wait_for_it() -> None:
    condition = {
        "Name": "good",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"LeftValue": {"Get": "Steps.score.PropertyFiles.report"}}],
            "IfSteps": [reading("register", "fit"), reading("after", "register")],
            "ElseSteps": [{"Name": "stop", "Type": "Fail", "Arguments": {}}],
        },
    }
    compiled = pipeline(condition, reading("score", "fit"), reading("fit"))
    assert [item["Name"] for item in compiled.steps()] == [
        *("good", "register", "after", "stop", "score", "fit")
    ]
    assert compiled.edges() == {
        "good": ("score",),
        "register": ("fit", "good"),
        "after": ("good", "register"),
        "stop": ("good",),
        "score": ("fit",),
        "fit": (),
    }
    assert compiled.order() == ("fit", "score", "good", "register", "after", "stop")


def test_fails_where_steps_wait_for_each_other() -> None:
    with pytest.raises(CompileError, match="these steps wait for each other: a >> b >> a"):
        pipeline(reading("a", "b"), reading("b", "a"), reading("c")).order()


def test_names_are_found_anywhere() -> None:
    value = {"a": ["x-${smp:bucket}", {"b": "${smp:image.sklearn-1.2-1}"}], "c": 1, "d": None}
    assert deploy_values.names_in(value) == {"bucket", "image.sklearn-1.2-1"}


def test_names_are_replaced_and_lists_take_the_place_of_their_list() -> None:
    values: dict[str, str | list[str]] = {"bucket": "data", "subnets": ["subnet-1", "subnet-2"]}
    value = {
        "uri": "s3://${smp:bucket}/x",
        "subnets": ["${smp:subnets}"],
        "n": [1, "${smp:bucket}"],
    }
    assert deploy_values.substitute(value, values.__getitem__) == {
        "uri": "s3://data/x",
        "subnets": ["subnet-1", "subnet-2"],
        "n": [1, "data"],
    }


def test_fails_for_a_list_inside_a_text() -> None:
    with pytest.raises(TypeError, match="subnets is a list and cannot be part of a text"):
        deploy_values.substitute("x-${smp:subnets}", lambda _: ["a"])


@given(st.lists(st.sampled_from([*NAMES[:-1], "s3://", "/x", "é", '"', "\\", "a.b"]), max_size=6))
def test_what_the_sdk_sees_turns_back_into_the_names(parts: list[str]) -> None:
    text = "|".join(parts)
    assert "${smp:" not in to_constants(text)
    assert to_names({"k": [to_constants(text)]}) == {"k": [text]}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_constant(name: str) -> None:
    assert to_names([to_constants(name)]) == [name]


def test_fails_for_an_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"unknown deploy-time name: zone"):
        to_constants("${smp:zone}")


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_atomically(tmp_path / "deep/file", "old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(tmp_path / "deep/file", "new")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
    assert (tmp_path / "deep/file").read_text() == "old"
