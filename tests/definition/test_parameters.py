"""What a run or an execution may give to a pipeline's parameters."""

from __future__ import annotations

from typing import Any

import pytest

from smp.definition.parameters import parameter_values, read_assignments
from smp.errors import RunError

DECLARED: list[dict[str, Any]] = [
    {"Name": "Rows", "Type": "Integer", "DefaultValue": 10},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Mode", "Type": "String", "DefaultValue": "fast", "EnumValues": ["fast", "full"]},
    {"Name": "Dry", "Type": "Boolean", "DefaultValue": False},
    {"Name": "Data", "Type": "String"},
]


def values(*given: str) -> dict[str, Any]:
    return parameter_values({"Parameters": DECLARED}, read_assignments(given))


def test_given_values_have_the_declared_types_and_others_their_defaults() -> None:
    found = values("Rows=3", "Rate=1e-3", "Dry=TRUE", "Data=s3://a/b=c")

    assert found == {"Rows": 3, "Rate": 0.001, "Mode": "fast", "Dry": True, "Data": "s3://a/b=c"}


def test_fails_with_every_fault_at_once() -> None:
    with pytest.raises(RunError) as caught:
        values("Row=1", "Rows=1.5", "Rate=fast", "Mode=slow", "Dry=maybe")

    assert str(caught.value) == (
        "the pipeline has no parameter 'Row'\n"
        "    allowed: Rows, Rate, Mode, Dry, Data\n"
        "    hint: did you mean 'Rows'?\n"
        "Rows: must be of type Integer\n    found: 1.5\n"
        "Rate: must be of type Float\n    found: fast\n"
        "Mode: must be one of fast, full\n    found: slow\n"
        "Dry: must be true or false\n    found: maybe\n"
        "Data: has no default and was given no value"
    )


@pytest.mark.parametrize(
    "text",
    [
        *("Rows=1_000", "Rows= 2", "Rows=2 ", "Rows=\u0663", "Rows=1e3", "Rows="),
        *("Rate=1_0.5", "Rate= 1", "Rate=\u0663.5", "Rate=.", "Rate=nan", "Rate=inf", "Rate=1e999"),
    ],
)
def test_fails_for_what_json_and_yaml_write_as_no_number(text: str) -> None:
    with pytest.raises(RunError, match=r"Rows: must be of type Integer|Rate: must be "):
        values(text, "Data=d")


@pytest.mark.parametrize(
    ("text", "expected"), [("1.", 1.0), (".5", 0.5), ("-1E+3", -1000.0), ("+2", 2.0)]
)
def test_numbers_have_the_digits_of_ascii(text: str, expected: float) -> None:
    assert values(f"Rate={text}", "Data=d")["Rate"] == expected


def test_fails_for_a_name_that_is_given_twice() -> None:
    with pytest.raises(RunError) as caught:
        read_assignments(["Rows=1", "Rows=2", "Data"])
    assert str(caught.value) == (
        "Rows: is given twice\n    found: Rows=2\nis not name=value\n    found: Data"
    )


@pytest.mark.parametrize("text", ["Rows", "=3", ""])
def test_fails_for_what_is_no_assignment(text: str) -> None:
    with pytest.raises(RunError, match="is not name=value"):
        read_assignments([text])
