"""Conditions of the definition language as Python source."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from smp.definition.compiled import Json
from smp.definition.language import is_expression
from smp.export.airflow.expressions import Expressions
from smp.export.airflow.source import INDENT, WIDTH, Names, call, lines, one_line

OPERATORS = {
    "Equals": "==",
    "GreaterThan": ">",
    "GreaterThanOrEqualTo": ">=",
    "LessThan": "<",
    "LessThanOrEqualTo": "<=",
}

VALUE = "value_"
"""What the variables of a condition's function begin with; see `smp.export.airflow.source.Names`."""


class Question:
    """All conditions of a step, as the lines of a function that get what is asked about and ask."""

    def __init__(self, conditions: Sequence[Json], expressions: Expressions) -> None:
        self._expressions = expressions
        self._names = Names(VALUE)
        self._read: list[tuple[Any, str]] = []
        self._word, asked = "and", conditions
        if len(conditions) == 1 and conditions[0]["Type"] in ("And", "Or"):
            self._word, asked = conditions[0]["Type"].lower(), conditions[0]["Conditions"]
        self._asked = [self._source(item, self._word) for item in asked]

    def lines(self, indent: int) -> Iterator[str]:
        """Yield a variable for each expression, then the `if`."""
        margin, inner = " " * indent, " " * (indent + INDENT)
        for value, name in self._read:
            read = call("resolve", self._expressions.node(value), "context")
            yield from lines(read, f"{name} = ", indent=indent)
        whole = f"{margin}if {f' {self._word} '.join(self._asked)}:"
        if len(whole) <= WIDTH or len(self._asked) == 1:
            yield whole
            return
        rest = [f"{inner}{self._word} {item}" for item in self._asked[1:]]
        yield from (f"{margin}if (", f"{inner}{self._asked[0]}", *rest, f"{margin}):")

    def _source(self, condition: Json, within: str) -> str:
        """Return one condition; `within` is the operator that it is an operand of."""
        kind = condition["Type"]
        if kind in ("And", "Or"):
            word = kind.lower()
            inner = f" {word} ".join(self._source(item, word) for item in condition["Conditions"])
            return inner if word == within else f"({inner})"
        if kind == "Not":
            return self._negated(condition["Condition"])
        if kind == "In":
            return self._membership(condition, "in")
        return self._comparison(condition, OPERATORS[kind])

    def _negated(self, condition: Json) -> str:
        if condition["Type"] == "In":
            return self._membership(condition, "not in")
        if condition["Type"] == "Equals":
            return self._comparison(condition, "!=")
        inner = self._source(condition, "not")
        return f"not {inner}" if inner.startswith("(") else f"not ({inner})"

    def _membership(self, condition: Json, word: str) -> str:
        values = ", ".join(self._operand(item) for item in condition["Values"])
        return f"{self._operand(condition['QueryValue'])} {word} [{values}]"

    def _comparison(self, condition: Json, operator: str) -> str:
        left = self._operand(condition["LeftValue"])
        return f"{left} {operator} {self._operand(condition['RightValue'])}"

    def _operand(self, value: Any) -> str:
        if not is_expression(value):
            return one_line(self._expressions.node(value))
        known = next((name for read, name in self._read if read == value), None)
        if known is None:
            known = self._names.take(_name(value))
            self._read.append((value, known))
        return known


def _name(expression: Json) -> str:
    """Return what to call the value of an expression."""
    if "Std:JsonGet" in expression:
        words = re.findall(r"[\w-]+", expression["Std:JsonGet"]["Path"])
        return next((word for word in reversed(words) if word != "value"), "")
    words = re.findall(r"[\w-]+", expression.get("Get", ""))
    return words[-1] if words else "text"
