"""Hyperparameters on their way: what a script or algorithm gets is what was written."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.compiler.sdk.container.smp_launcher import arguments_of
from smp.definition.compiled import Json
from smp.definition.evaluate import Scope, resolve
from smp.definition.hyperparameters import (
    algorithm_text,
    breaks_quotes,
    decoded,
    quoted_parameters,
    script_text,
    trial_text,
)

LIKE_JSON = (
    "1.10",
    "1e5",
    "true",
    "null",
    "NaN",
    "-Infinity",
    '"q"',
    "[1]",
    "{}",
    " 7",
    "0.10",
    "1" * 30,
)
TEXTS = st.one_of(st.text(), st.sampled_from(LIKE_JSON), st.from_regex(r"\A[-+.0-9eE]{1,8}\Z"))
TAKEN = re.compile(r"[^\n\r\x85\u2028\u2029]*")
"""What the service's pattern for a value matches."""


def launched(value: Any) -> str:
    """The argument of a Training step's script: read as JSON once, then written by the launcher."""
    (_, text) = arguments_of({"name": decoded(script_text(value))})
    assert isinstance(text, str)
    return text


@given(TEXTS)
def test_a_text_arrives_byte_for_byte(text: str) -> None:
    for written in (script_text(text), trial_text(text)):
        assert decoded(written) == text
        assert isinstance(decoded(written), str)
        assert TAKEN.fullmatch(written)
    assert launched(text) == text
    assert algorithm_text(text) == text


@pytest.mark.parametrize(
    ("value", "request_text", "argument"),
    [
        (3, "3", "3"),
        (0.1, "0.1", "0.1"),
        (1e-05, "1e-05", "1e-05"),
        (True, "true", "True"),
        (False, "false", "False"),
        ("True", "True", "True"),
        ("true", '"true"', "true"),
        ("it", "it", "it"),
        ((64, 32), "[64, 32]", "[64, 32]"),
        ({"a": (1, "x")}, '{"a": [1, "x"]}', '{"a": [1, "x"]}'),
    ],
)
def test_what_a_script_gets(value: Any, request_text: str, argument: str) -> None:
    assert script_text(value) == request_text
    assert launched(value) == argument


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (3, "3"),
        (0.1, "0.1"),
        ("1.10", "1.10"),
        ((1, 2), "[1, 2]"),
        ("it's", "it's"),
    ],
)
def test_an_own_algorithm_gets_the_text_as_it_is(value: Any, text: str) -> None:
    assert algorithm_text(value) == text


@given(
    st.text(max_size=3),
    st.text().filter(lambda text: not breaks_quotes(text)),
    st.sampled_from(["", "/x", '"', "1"]),
)
def test_a_parameter_in_a_text_arrives_as_text(before: str, value: str, after: str) -> None:
    text = f"{before}${{parameters.name}}{after}"
    written = script_text(text)
    if "\n" in before or "$" in before:
        return
    head, tail = written.split("${parameters.name}")
    join = {"Std:Join": {"On": "", "Values": [head, {"Get": "Parameters.name"}, tail]}}
    assert decoded(_resolved(join, {"name": value})) == f"{before}{value}{after}"


def _resolved(value: Json, parameters: Json) -> Any:
    return resolve(value, Scope(parameters, {}))


def test_which_parameters_stand_in_quotes() -> None:
    assert quoted_parameters("${parameters.a}${parameters.n}", {"n"}) == ("a",)
    assert quoted_parameters("${parameters.n}", {"n"}) == ()
    assert quoted_parameters("s3://x/${parameters.a}") == ()
    assert script_text("s3://x/${parameters.a}") == "s3://x/${parameters.a}"
    assert script_text("${parameters.n}", {"n"}) == "${parameters.n}"


@pytest.mark.parametrize(
    ("value", "breaks"), [("a b", False), ("é", False), ('"', True), ("\\", True)]
)
def test_what_breaks_quotes(value: str, breaks: bool) -> None:
    assert breaks_quotes(value) is breaks
    assert (json.dumps(value, ensure_ascii=False)[1:-1] != value) is breaks
