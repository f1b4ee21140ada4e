"""Resolves the expressions of the definition language against what is known while a pipeline runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.definition.language import NAMED_ITEMS, is_expression, path_parts, property_file_of
from smp.errors import RunError
from smp.text.human import counted
from smp.text.messages import listed, shown


@dataclass
class Scope:
    """What expressions may refer to.

    `steps` maps a finished step to its result in the shape of the service's Describe call;
    `read_json` returns the content of a property file, given its step and name.
    """

    parameters: Mapping[str, Any]
    execution: Mapping[str, Any]
    steps: dict[str, Any] = field(default_factory=dict)
    read_json: Callable[[str, str], Any] | None = None


def resolve(value: Any, scope: Scope) -> Any:
    """Return a copy of a JSON value with every expression in it resolved; raises RunError."""
    if isinstance(value, list):
        return [resolve(item, scope) for item in value]
    if not isinstance(value, dict):
        return value
    if is_expression(value):
        ((function, argument),) = value.items()
        return _EVALUATE[function](argument, scope)
    return {key: resolve(item, scope) for key, item in value.items()}


def lookup(value: Any, path: str, what: str) -> Any:
    """Follow a path into a JSON value; raises RunError naming the part that is not there."""
    for part in _parts(path):
        try:
            value = _member(value, part)
        except LookupError:
            missing = f"item {part}" if isinstance(part, int) else repr(part)
            there = _what_is_there(value, part)
            raise RunError(f"{what} has no {missing} (of {path}); {there}") from None
    return value


def _parts(path: str) -> list[str | int]:
    try:
        return list(path_parts(path))
    except ValueError as error:
        raise RunError(str(error)) from None


def _member(value: Any, part: str | int) -> Any:
    """Return a member of a mapping, or an item of a list by its place or its name; raises LookupError."""
    if not isinstance(value, (Mapping, list)):
        raise LookupError(part)
    members: Any = _by_name(value) if isinstance(value, list) and isinstance(part, str) else value
    return members[part]


def _by_name(items: list[Any]) -> dict[str, Any]:
    """Return the items of a list that have a name, as the service has it for metrics; the first of each."""
    return {
        value: item
        for item in reversed(items)
        if isinstance(item, dict)
        for key, value in item.items()
        if key in NAMED_ITEMS.values() and isinstance(value, str)
    }


def _what_is_there(value: Any, part: str | int) -> str:
    """Describe what was found instead of a part."""
    if not isinstance(value, (Mapping, list)):
        return f"it is {shown(value)}"
    if isinstance(value, list):
        names = _by_name(value) if isinstance(part, str) else {}
        return f"it has: {listed(names)}" if names else f"it has {counted(len(value), 'item')}"
    return f"it has: {listed(value)}" if value else "it is empty"


def _get(reference: str, scope: Scope) -> Any:
    kind, _, rest = reference.partition(".")
    if kind == "Parameters":
        return lookup(scope.parameters, rest, "the pipeline's parameters")
    if kind == "Execution":
        return lookup(scope.execution, rest, "the execution")
    if kind == "Steps":
        step, _, path = rest.partition(".")
        if step not in scope.steps:
            raise RunError(f"{reference} is read, but step '{step}' did not run")
        return _not_null(lookup(scope.steps[step], path, f"step '{step}'"), reference)
    raise RunError(f"unknown reference {reference!r}")


def _join(inner: Mapping[str, Any], scope: Scope) -> str:
    return str(inner.get("On", "")).join(_text(value, scope) for value in inner["Values"])


def _json_get(inner: Mapping[str, Any], scope: Scope) -> Any:
    if scope.read_json is None:
        raise RunError("a property file is read where there is none")
    step, name = property_file_of(inner)
    what, path = f"the report of step '{step}'", str(inner["Path"])
    return _not_null(lookup(scope.read_json(step, name), path, what), f"{path} in {what}")


def _not_null(value: Any, what: str) -> Any:
    """Refuse null: no request has it, and a condition such as `!= 0` would hold."""
    if value is None:
        raise RunError(f"{what} is null: a step reads it and needs a value")
    return value


def _text(value: Any, scope: Scope) -> str:
    """Return what a part of a text comes to; raises RunError for anything but a text, number or flag."""
    resolved = resolve(value, scope)
    if isinstance(resolved, str):
        return resolved
    if not isinstance(resolved, (int, float)):
        kind = f"{shown(resolved)}, no text, number or flag"
        raise RunError(f"cannot join texts: {json.dumps(value)} is {kind}")
    return json.dumps(resolved)


_EVALUATE: Mapping[str, Callable[[Any, Scope], Any]] = {
    "Get": _get,
    "Std:Join": _join,
    "Std:JsonGet": _json_get,
}
