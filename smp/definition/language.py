"""The expressions of the definition language: which JSON values are one, and what they refer to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

FUNCTIONS: dict[str, type] = {"Get": str, "Std:Join": dict, "Std:JsonGet": dict}
"""What an execution evaluates, by the only key of its object, and the kind of its argument."""

NAMED_ITEMS: Mapping[str, str] = {
    "FinalMetricDataList": "MetricName",
    "InputDataConfig": "ChannelName",
    "Outputs": "OutputName",
    "ProcessingInputs": "InputName",
}
"""The member that names the items of a list in a Describe answer, by the list's name."""

_PART = re.compile(r"\.?([^.\[\]]+)|\[(?:'([^']*)'|\"([^\"]*)\"|([0-9]+))\]")


class Quoted(str):
    """A part of a path in brackets and quotes: among the items of a list, the name of one."""


def is_expression(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is evaluated by an execution, not taken as it is."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((name, argument),) = value.items()
    return name in FUNCTIONS and isinstance(argument, FUNCTIONS[name])


def expressions_in(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every expression in a JSON value, outer ones first.

    The `Get` that names the property file of a `Std:JsonGet` is a part of that.
    """
    if isinstance(value, list):
        for item in value:
            yield from expressions_in(item)
    elif isinstance(value, dict):
        if is_expression(value):
            yield value
            if "Std:JsonGet" in value:
                return
        for item in value.values():
            yield from expressions_in(item)


def reference_of(value: Any) -> tuple[str, str]:
    """Split a `Get` into its scope and the rest: `("Parameters", "rows")`; empty for another value."""
    if not is_expression(value) or "Get" not in value:
        return "", ""
    scope, _, rest = value["Get"].partition(".")
    return scope, rest


def parameter_of(value: Any) -> str | None:
    """Return the name of the parameter that a JSON value is a reference to, or None."""
    scope, name = reference_of(value)
    return name if scope == "Parameters" else None


def step_property(value: Any) -> tuple[str, str] | None:
    """Return the step and the path of its property that a JSON value is a reference to, or None."""
    scope, rest = reference_of(value)
    if scope != "Steps":
        return None
    step, _, path = rest.partition(".")
    return step, path


def property_file_of(get: Mapping[str, Any]) -> tuple[str, str]:
    """Return the step and the name of the property file that the argument of a `Std:JsonGet` names."""
    reference = get["PropertyFile"]
    target = reference["Get"] if isinstance(reference, dict) else str(reference)
    step, _, name = target.removeprefix("Steps.").partition(".PropertyFiles.")
    return step, name


def steps_read(value: Any) -> Iterator[str]:
    """Yield the step that each expression in a JSON value reads, if it reads one."""
    for expression in expressions_in(value):
        place = step_property(expression)
        if place is not None:
            yield place[0]
        elif "Std:JsonGet" in expression:
            yield property_file_of(expression["Std:JsonGet"])[0]


def filled(value: Any, values: Mapping[str, Any]) -> Any:
    """Return a JSON value with each known parameter's value in its place, and joins of texts joined."""
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    if not isinstance(value, dict):
        return value
    name = parameter_of(value)
    if name is not None:
        known = values.get(name)
        return value if known is None else known
    found = {key: filled(item, values) for key, item in value.items()}
    return (
        _joined(found["Std:Join"], found) if is_expression(value) and "Std:Join" in found else found
    )


def _joined(join: dict[str, Any], otherwise: Any) -> Any:
    items = join.get("Values", [None])
    if any(item is None or isinstance(item, (dict, list)) for item in items):
        return otherwise
    texts = (item if isinstance(item, str) else json.dumps(item) for item in items)
    return str(join.get("On", "")).join(texts)


def path_parts(path: str) -> Iterator[str | int]:
    """Split `a.b['c'][0]` into its names and indices; a leading `$` is the root itself.

    Raises ValueError.
    """
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        match = _PART.match(path, position)
        if match is None:
            raise ValueError(f"cannot read the path {path!r} at character {position + 1}")
        name, single, double, index = match.groups()
        if index is not None:
            yield int(index)
        elif name is not None:
            yield name
        else:
            yield Quoted(double if single is None else single)
        position = match.end()
