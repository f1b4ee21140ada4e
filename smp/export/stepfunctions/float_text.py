"""A Float inside text, in JSONata: the text that Python and JSON give it, as on every other engine.

JSONata has one kind of number: `$string` of 1.0 is `1`, keeps 15 digits, and writes some exponents out.
"""

from __future__ import annotations

import re
from typing import Any

from smp.definition.language import (
    expressions_in,
    is_expression,
    parameter_of,
    reference_of,
    step_property,
)

DIGITS = 15
"""Significant digits that `$string` keeps of a number."""

TEXTS = "$Texts"
"""The variable with the text of each Float parameter that is a part of a text."""

SCOPE = "FloatTexts"
"""The scope of a reference to one of these, which only this target makes."""

_METRIC = re.compile(r"FinalMetricDataList\[.+\]\.Value")

_AS_TEXT = (
    "($parts := $split($lowercase($string({value})), 'e'); "
    "$power := $count($parts) = 2 ? $number($replace($parts[1], '+', '')) : 0; "
    "$sign := $contains($parts[0], '-') ? '-' : ''; "
    "$plain := $replace($parts[0], '-', ''); "
    "$whole := $contains($plain, '.') ? $substringBefore($plain, '.') : $plain; "
    "$all := $replace($plain, '.', ''); "
    "$left := $replace($all, /^0+/, ''); "
    "$digits := $replace($left, /0+$/, ''); "
    "$count := $length($digits); "
    "$point := $length($whole) + $power - $length($all) + $length($left); "
    "$digits = '' ? '0.0' : "
    "$point > 16 or $point < -3 ? $sign & $substring($digits, 0, 1) & "
    "($count > 1 ? '.' & $substring($digits, 1) : '') & ($point > 0 ? 'e+' : 'e-') & "
    "($abs($point - 1) < 10 ? '0' : '') & $string($abs($point - 1)) : "
    "$point <= 0 ? $sign & '0.' & $substring('000', 0, -$point) & $digits : "
    "$point >= $count ? $sign & $substring($digits & '0000000000000000', 0, $point) & '.0' : "
    "$sign & $substring($digits, 0, $point) & '.' & $substring($digits, $point))"
)


def float_text(value: str) -> str:
    """Return the JSONata of the text of a number, given the JSONata of that number."""
    return _AS_TEXT.replace("{value}", value)


def is_exact(value: str) -> str:
    """Return the JSONata that tells whether `float_text` loses no digit of a number."""
    return f"$number($string({value})) = {value}"


def is_metric(value: Any) -> bool:
    """Whether an expression reads a metric of a training job, which is a Float."""
    found = step_property(value)
    return found is not None and _METRIC.fullmatch(found[1]) is not None


def with_texts(value: Any, floats: frozenset[str]) -> Any:
    """Return a JSON value in which each text reads its Float parameters from `TEXTS`."""
    if isinstance(value, list):
        return [with_texts(item, floats) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: with_texts(item, floats) for key, item in value.items()}
    if "Std:Join" in found and is_expression(found):
        join = found["Std:Join"]
        found["Std:Join"] = {**join, "Values": [_as_text(part, floats) for part in join["Values"]]}
    return found


def _as_text(part: Any, floats: frozenset[str]) -> Any:
    name = parameter_of(part)
    return {"Get": f"{SCOPE}.{name}"} if name in floats else part


def texts_read(value: Any) -> frozenset[str]:
    """Return the parameters whose text a value reads."""
    references = (reference_of(expression) for expression in expressions_in(value))
    return frozenset(name for scope, name in references if scope == SCOPE)
