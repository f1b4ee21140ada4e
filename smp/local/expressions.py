"""Resolves the expressions of the definition language against what is known while a pipeline runs.

It never starts anything; reading a property file is the caller's to provide.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.errors import RunError

_PART = re.compile(r"\.?([^.\[\]]+)|\[(?:'([^']*)'|\"([^\"]*)\"|(\d+))\]")

NAME_MEMBERS = frozenset({"MetricName", "OutputName", "InputName", "ChannelName"})
"""What an item of a list in a Describe answer is called by."""


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
    if len(value) == 1:
        (key, inner) = next(iter(value.items()))
        match key:
            case "Get" if isinstance(inner, str):
                return _get(inner, scope)
            case "Std:Join":
                return _join(inner, scope)
            case "Std:JsonGet":
                return _json_get(inner, scope)
    return {key: resolve(item, scope) for key, item in value.items()}


def path_parts(path: str) -> Iterator[str | int]:
    """Split `a.b['c'][0]` into its names and indices; a leading `$` is the root itself."""
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        match = _PART.match(path, position)
        if match is None:
            raise RunError(f"cannot read the path {path!r} at character {position + 1}")
        name, single, double, index = match.groups()
        yield (
            int(index)
            if index is not None
            else next(part for part in (name, single, double) if part is not None)
        )
        position = match.end()


def lookup(value: Any, path: str, what: str) -> Any:
    """Follow a path into a JSON value; raises RunError naming the part that is not there."""
    for part in path_parts(path):
        try:
            value = _named(value, part) if isinstance(value, list) else value[part]
        except (KeyError, IndexError, TypeError, StopIteration):
            known = ", ".join(map(str, value)) if isinstance(value, dict) else repr(value)
            raise RunError(f"{what} has no {part!r} (of {path}); it has: {known}") from None
    return value


def _named(items: list[Any], part: str | int) -> Any:
    """Return an item of a list, by its place or, as the service has it for metrics, by its name."""
    if isinstance(part, int):
        return items[part]
    return next(item for item in items if isinstance(item, dict) and part in _names(item))


def _names(item: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in item.items() if key in NAME_MEMBERS]


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
        return lookup(scope.steps[step], path, f"step '{step}'")
    raise RunError(f"unknown reference {reference!r}")


def _join(inner: Mapping[str, Any], scope: Scope) -> str:
    values = [resolve(value, scope) for value in inner["Values"]]
    return str(inner.get("On", "")).join(_text(value) for value in values)


def _json_get(inner: Mapping[str, Any], scope: Scope) -> Any:
    if scope.read_json is None:
        raise RunError("a property file is read where there is none")
    reference = inner["PropertyFile"]
    target = reference["Get"] if isinstance(reference, dict) else str(reference)
    step, _, name = target.removeprefix("Steps.").partition(".PropertyFiles.")
    return lookup(scope.read_json(step, name), str(inner["Path"]), f"the report of step '{step}'")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
