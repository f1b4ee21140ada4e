"""Decides the conditions of a Condition step.

It never runs a branch.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from smp.compiler.compiled import Json
from smp.errors import RunError
from smp.local.expressions import Scope, resolve

_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}


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
        return value in [resolve(item, scope) for item in condition["Values"]]
    if kind not in _COMPARISONS:
        raise RunError(f"unknown condition type {kind!r}")
    left = resolve(condition["LeftValue"], scope)
    right = resolve(condition["RightValue"], scope)
    try:
        return _COMPARISONS[kind](left, right)
    except TypeError:
        raise RunError(f"cannot compare {left!r} with {right!r} by {kind}") from None
