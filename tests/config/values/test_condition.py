"""The language of conditions."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from smp.config.values.condition import (
    AllOf,
    AnyOf,
    Comparison,
    Expression,
    Leaf,
    Membership,
    Operand,
    Reference,
    clauses,
    parse_condition,
    read_reference,
    references,
)
from smp.config.values.message import message_parts

AUC = Reference("evaluate", "metrics", "auc")
OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def value_of(operand: Operand, values: Mapping[str, Any]) -> Any:
    return values[str(operand)] if isinstance(operand, Reference) else operand


def leaf_holds(leaf: Leaf, values: Mapping[str, Any]) -> bool:
    if isinstance(leaf, Membership):
        return (value_of(leaf.query, values) in leaf.values) is not leaf.negated
    compare = OPERATORS[leaf.operator]
    return bool(compare(value_of(leaf.left, values), value_of(leaf.right, values)))


def holds(condition: Expression, values: Mapping[str, Any]) -> bool:
    if isinstance(condition, AllOf):
        return all(holds(part, values) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(holds(part, values) for part in condition.parts)
    return leaf_holds(condition, values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("evaluate.metrics.auc >= 0.85", Comparison(">=", AUC, 0.85)),
        ("evaluate.metrics.auc>=0.85", Comparison(">=", AUC, 0.85)),
        ("0.85 < evaluate.metrics.auc", Comparison("<", 0.85, AUC)),
        ("not evaluate.metrics.auc < -1e-3", Comparison(">=", AUC, -1e-3)),
        ("not not evaluate.metrics.auc == 1", Comparison("==", AUC, 1)),
        (
            "parameters.stage == 'a b'",
            Comparison("==", Reference("parameters", "parameters", "stage"), "a b"),
        ),
        (
            '2nd-step.metrics.a["b c"][0].d != true',
            Comparison("!=", Reference("2nd-step", "metrics", 'a["b c"][0].d'), right=True),
        ),
        (
            "fit.final_metrics.valid_auc > 1",
            Comparison(">", Reference("fit", "final_metrics", "valid_auc"), 1),
        ),
        (
            'fit.final_metrics["test:rmse"] > 1',
            Comparison(">", Reference("fit", "final_metrics", "test:rmse"), 1),
        ),
        (
            "fit.final_metrics['a b'] > 1",
            Comparison(">", Reference("fit", "final_metrics", "a b"), 1),
        ),
        (
            "fit.final_metrics['auc'] > 1",
            Comparison(">", Reference("fit", "final_metrics", "auc"), 1),
        ),
        (
            "evaluate.metrics['b c'].d > 1",
            Comparison(">", Reference("evaluate", "metrics", '["b c"].d'), 1),
        ),
        ('evaluate.metrics.auc in [1, "x"]', Membership(AUC, (1, "x"))),
        ("evaluate.metrics.auc not in [1]", Membership(AUC, (1,), negated=True)),
        ("not evaluate.metrics.auc in [1]", Membership(AUC, (1,), negated=True)),
    ],
)
def test_what_a_text_says(text: str, expected: Expression) -> None:
    assert parse_condition(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends where a value is expected"),
        ("evaluate.metrics.auc", "ends where a comparison such as >=, or 'in' is expected"),
        ("evaluate.metrics.auc >=", "ends where a value is expected"),
        ("evaluate.metrics.auc => 1", "cannot be read from '=> 1' on"),
        ("evaluate.metrics.auc = 1", "cannot be read from '= 1' on"),
        ("(evaluate.metrics.auc > 1", "ends where ')' is expected"),
        ("evaluate.metrics.auc > 1)", "ends before ')'"),
        ("evaluate.metrics.auc > 1 and", "ends where a value is expected"),
        ("1 > 0", "compares two constants"),
        ("evaluate.auc > 1", "has 'evaluate.auc' where a value is expected"),
        ("fit.final_metrics.va:auc > 1", "cannot be read from ':auc > 1' on"),
        ("fit.final_metrics[0] > 1", "has 'fit.final_metrics[0]' where a value is expected"),
        ("fit.final_metrics[''] > 1", "has 'fit.final_metrics['']' where a value is expected"),
        (
            'fit.final_metrics["it\'s"] > 1',
            "has 'fit.final_metrics[\"it's\"]' where a value is expected",
        ),
        (
            "fit.final_metrics['a:b'].c > 1",
            "has 'fit.final_metrics['a:b'].c' where a value is expected",
        ),
        ("auc > 1", "cannot be read from 'auc > 1' on"),
        ("parameters.a.b > 1", "has 'parameters.a.b' where a value is expected"),
        ("evaluate.metrics.auc in 1", "has '1' where '[' is expected"),
        ("evaluate.metrics.auc in []", "has ']' where a value is expected"),
        (
            "evaluate.metrics.auc in [evaluate.metrics.b]",
            "has 'evaluate.metrics.b' where a number or a text in quotes is expected",
        ),
        ("__import__('os')", "cannot be read from '__import__('os')' on"),
        ("evaluate.metrics.auc > 1; 2", "cannot be read from '; 2' on"),
    ],
)
def test_fails_with_the_place_where_it_stops_to_make_sense(text: str, reason: str) -> None:
    with pytest.raises(PydanticCustomError) as failure:
        parse_condition(text)
    context = failure.value.context
    assert context is not None
    assert context["reason"] == f"is not a condition: it {reason}"


LEAVES = st.builds(
    "{}.metrics.{} {} {}".format,
    st.sampled_from(["a", "b-2"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(sorted(OPERATORS)),
    st.integers(0, 2),
) | st.builds("a.metrics.x {}in [0, 2]".format, st.sampled_from(["", "not "]))
TEXTS = st.recursive(
    LEAVES,
    lambda below: (
        st.builds("({} and {})".format, below, below)
        | st.builds("({} or {})".format, below, below)
        | st.builds("not ({})".format, below)
    ),
    max_leaves=6,
)
NAMES = ("a.metrics.x", "a.metrics.y", "b-2.metrics.x", "b-2.metrics.y")
VALUES = st.fixed_dictionaries({name: st.integers(0, 2) for name in NAMES})


@given(TEXTS, VALUES)
def test_its_clauses_hold_exactly_where_python_says_so(text: str, values: dict[str, int]) -> None:
    condition = parse_condition(text)
    as_python = text
    for name, value in values.items():
        as_python = as_python.replace(name, str(value))
    expected = bool(eval(as_python))
    assert holds(condition, values) is expected
    assert (
        all(any(leaf_holds(leaf, values) for leaf in one) for one in clauses(condition)) is expected
    )


@given(TEXTS)
def test_it_reads_all_that_it_names(text: str) -> None:
    named = {str(reference) for reference in references(parse_condition(text))}
    assert named == {name for name in NAMES if name in text}


@given(st.text(max_size=60))
def test_any_text_is_a_condition_or_a_fault(text: str) -> None:
    with contextlib.suppress(PydanticCustomError):
        assert clauses(parse_condition(text))


@pytest.mark.parametrize(
    "text",
    [
        "fit.final_metrics.valid_auc",
        'fit.final_metrics["test:rmse"]',
        'evaluate.metrics["b c"][0].d',
        "ask.outputs.n",
        "parameters.stage",
    ],
)
def test_a_reference_is_written_as_it_is_read(text: str) -> None:
    assert str(read_reference(text)) == text


def test_a_message_is_read_in_parts() -> None:
    rmse = Reference("fit", "final_metrics", "test:rmse")
    assert list(message_parts('${fit.final_metrics["test:rmse"]}!')) == [rmse, "!"]
    assert list(message_parts("AUC ${evaluate.metrics.auc}: low")) == ["AUC ", AUC, ": low"]
    assert list(message_parts("plain")) == ["plain"]
