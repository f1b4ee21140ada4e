"""An object whose keys a user chooses is never taken for an expression of the definition language."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import smp.config.project
from smp.config.values.aws import ProcessingEnvironment, TrainingEnvironment, TransformEnvironment
from smp.config.values.base import TAKEN_AS_IT_IS, ConfigModel
from smp.definition.language import FUNCTIONS, is_expression

NO_OBJECT_OF_A_REQUEST = {
    "channels": "a list of channels",
    "ranges": "lists by the kind of range",
    "outputs": "a list of output parameters",
    "reports": "a list of property files",
    "auto_parameters": "a list of names and hints",
    "models": "names of models, which become steps",
    "environments": "names of environments",
    "TriggerBase.parameters": "a list of parameters",
    "SparkSection.properties": "a file of the job",
    "JobSection.env": "each kind of job has its own type for it",
}
ENVIRONMENTS = [ProcessingEnvironment, TrainingEnvironment, TransformEnvironment]


def _models(base: type[ConfigModel]) -> Iterator[type[ConfigModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in typing.get_args(annotation):
        yield from _parts(inner)


def _free_objects() -> Iterator[tuple[str, bool]]:
    """Yield each field that holds an object with free keys, and whether it refuses expressions."""
    assert smp.config.project  # every section is imported
    for model in _models(ConfigModel):
        if not model.__module__.startswith("smp.config."):
            continue
        for name, field in model.model_fields.items():
            parts = list(_parts(field.annotation))
            held = [part for part in parts if typing.get_origin(part) is dict]
            if held:
                marked = TAKEN_AS_IT_IS in (*field.metadata, *parts)
                yield f"{_owner(model, name)}.{name}", marked


def _owner(model: type[ConfigModel], name: str) -> str:
    owners = [base for base in model.__mro__ if name in inspect.get_annotations(base)]
    return owners[0].__name__


def test_every_such_object_refuses_expressions_or_is_no_object_of_a_request() -> None:
    found = dict(_free_objects())
    assert {
        "TrainSection.env",
        "TrainSection.hyperparameters",
        "ExternalStep.inputs",
    } <= found.keys()
    left = {
        name
        for name, marked in found.items()
        if not marked and not {name, name.partition(".")[2]} & NO_OBJECT_OF_A_REQUEST.keys()
    }
    assert left == set()


@pytest.mark.parametrize("kind", ENVIRONMENTS)
@given(
    st.dictionaries(
        st.sampled_from([*FUNCTIONS, "A"]).filter(str.isidentifier),
        st.sampled_from(["hello", "Parameters.a"]),
        max_size=2,
    )
)
def test_what_is_accepted_is_no_expression(kind: Any, written: dict[str, str]) -> None:
    try:
        accepted = TypeAdapter(kind).validate_python(written)
    except ValidationError:
        assert is_expression(written)
    else:
        assert accepted == written
        assert not is_expression(accepted)
