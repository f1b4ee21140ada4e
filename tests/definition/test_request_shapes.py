"""The shapes of requests are botocore's, and what is kept of them is used only while it is that."""

from __future__ import annotations

import json
from pathlib import Path

import botocore.loaders
import pytest
from botocore import model

from smp.definition import request_shapes, step_types
from smp.definition.request_shapes import Shape, input_shape

CALLS = {("sagemaker", call.operation) for call in step_types.CALLS}
CALLS |= {
    (part.service, part.operation)
    for row in step_types.STEP_TYPES.values()
    for part in row.parts.values()
}
TRAITS = ("min", "max", "pattern", "enum")


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    request_shapes._input_shape.cache_clear()


def assert_same(theirs: model.Shape, ours: Shape, above: tuple[str, ...] = ()) -> None:
    if theirs.name in above:
        return
    above = (*above, theirs.name)
    assert ours.type_name == theirs.type_name
    assert [ours.traits.get(t) for t in TRAITS] == [theirs.metadata.get(t) for t in TRAITS]
    if isinstance(theirs, model.StructureShape):
        assert list(ours.required) == theirs.required_members
        assert list(ours.members) == list(theirs.members)
        for name, member in theirs.members.items():
            assert_same(member, ours.member(name), above)
    elif isinstance(theirs, model.ListShape):
        assert_same(theirs.member, ours.part("member"), above)
    elif isinstance(theirs, model.MapShape):
        assert_same(theirs.key, ours.part("key"), above)
        assert_same(theirs.value, ours.part("value"), above)


@pytest.mark.parametrize(("service", "operation"), sorted(CALLS))
@pytest.mark.parametrize("times", [0, 1], ids=["not kept", "kept"])
def test_a_shape_is_what_botocore_makes_of_it(
    service: str, operation: str, times: int, tmp_path: Path
) -> None:
    for _ in range(times):
        request_shapes._input_shape.cache_clear()
        input_shape(service, operation, tmp_path)
    request_shapes._input_shape.cache_clear()
    found = input_shape(service, operation, tmp_path if times else None)
    description = botocore.loaders.Loader().load_service_model(service, "service-2")
    theirs = model.ServiceModel(description, service).operation_model(operation).input_shape
    assert theirs is not None
    assert_same(theirs, found)


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"origin": 1}', '"text"', "null"])
def test_what_is_kept_and_cannot_be_read_is_made_anew(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "sagemaker.CreateModel.json"
    file.write_text(broken)
    assert "ModelName" in input_shape("sagemaker", "CreateModel", tmp_path).members
    assert "ModelName" in file.read_text()


def test_what_is_kept_of_another_botocore_is_made_anew(tmp_path: Path) -> None:
    input_shape("sagemaker", "CreateModel", tmp_path)
    file = tmp_path / "sagemaker.CreateModel.json"
    kept = json.loads(file.read_text())
    kept["origin"][2] += 1
    kept["request"]["shapes"][kept["request"]["input"]]["members"] = {}
    file.write_text(json.dumps(kept))
    request_shapes._input_shape.cache_clear()
    assert "ModelName" in input_shape("sagemaker", "CreateModel", tmp_path).members
