"""What is an expression of the definition language is one for everything that reads a definition."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.definition.differences import MISSING, differences
from smp.definition.evaluate import Scope, resolve
from smp.definition.language import (
    Quoted,
    expressions_in,
    filled,
    is_expression,
    path_parts,
    steps_read,
)
from smp.export.airflow.expressions import Expressions
from smp.export.stepfunctions.jsonata import template

KEYS = st.sampled_from(["Get", "Std:Join", "Std:JsonGet", "On", "Values", "Path", "Std:Other", "a"])
LEAVES = st.sampled_from(["Parameters.a", "Steps.a.B", "hello", "", 1, True, None])
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=8,
)


@given(JSON.filter(lambda value: not list(expressions_in(value))))
def test_what_holds_no_expression_is_taken_as_it_is(value: Any) -> None:
    assert resolve(value, Scope({}, {})) == value
    assert template(value) == value
    assert filled(value, {"a": "A"}) == value
    assert list(steps_read(value)) == []
    assert "Get(" not in str(Expressions({}, []).node(value))


@given(st.sampled_from(["Parameters.a", "Execution.StartDateTime", "Steps.c.D"]), KEYS)
def test_an_expression_is_one_for_every_reader(reference: str, key: str) -> None:
    known = Scope({"a": "A"}, {"StartDateTime": "B"}, {"c": {"D": "D"}})
    for value in (
        {"Get": reference},
        {"Std:Join": {"On": "-", "Values": ["x", {"Get": reference}]}},
    ):
        held = {key: [value]}
        assert is_expression(value)
        assert resolve(held, known)[key][0] in ("A", "B", "D", "x-A", "x-B", "x-D")
        assert template(held)[key][0].startswith("{%")
        assert [item.after for item in differences(MISSING, {"m": value})] == [value]
        assert list(steps_read(held)) == (["c"] if reference.startswith("Steps.") else [])


@pytest.mark.parametrize(
    "value",
    [
        {"Get": "hello", "B": "x"},
        {"Get": {"Steps": "a"}},
        {"Std:Join": "a"},
        {"Std:Other": {}},
        {},
        ["Get"],
    ],
    ids=str,
)
def test_the_only_key_and_the_kind_of_its_value_make_an_expression(value: Any) -> None:
    assert not is_expression(value)
    assert resolve(value, Scope({}, {})) == value


def test_a_path_has_names_indices_and_quoted_names() -> None:
    parts = list(path_parts("$.a['b.c'][0].d[\"e\"]"))
    assert parts == ["a", "b.c", 0, "d", "e"]
    assert [isinstance(part, Quoted) for part in parts] == [False, True, False, False, True]


def test_fails_for_a_path_that_cannot_be_read() -> None:
    with pytest.raises(ValueError, match=r"cannot read the path 'a\[' at character 2"):
        list(path_parts("a["))
