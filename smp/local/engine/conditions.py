"""Decides the conditions of a Condition step."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from smp.definition.compiled import Json
from smp.definition.evaluate import Scope, resolve
from smp.errors import RunError

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


def all_hold(conditions: Sequence[Json], scope: Scope) -> bool:
    """Return whether all conditions of a step hold.

    Every value is read first, also one that the outcome does not depend on: whether a missing value is
    an error does not depend on the order of the conditions. Raises RunError.
    """
    resolve(conditions, scope)
    return all(holds(condition, scope) for condition in conditions)


def holds(condition: Json, scope: Scope) -> bool:
    """Return whether one condition of the definition holds; raises RunError for an unknown type."""
    kind = condition["Type"]
    if kind == "Not":
        return not holds(condition["Condition"], scope)
    if kind == "Or":
        return any(holds(inner, scope) for inner in condition["Conditions"])
    if kind == "And":
        return all(holds(inner, scope) for inner in condition["Conditions"])
    if kind == "In":
        value = resolve(condition["QueryValue"], scope)
        return any(_equal(value, resolve(item, scope)) for item in condition["Values"])
    if kind != "Equals" and kind not in _ORDERS:
        raise RunError(f"unknown condition type {kind!r}")
    left = resolve(condition["LeftValue"], scope)
    right = resolve(condition["RightValue"], scope)
    if kind == "Equals":
        return _equal(left, right)
    if not _have_an_order(left, right):
        raise RunError(f"cannot compare {json.dumps(left)} with {json.dumps(right)} by {kind}")
    return _ORDERS[kind](left, right)


def _equal(left: Any, right: Any) -> bool:
    """Say whether two values are the same; a flag is not a number."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _have_an_order(*values: Any) -> bool:
    """Say whether values are all numbers or all texts."""
    numbers = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in values]
    return all(numbers) or all(isinstance(value, str) for value in values)
