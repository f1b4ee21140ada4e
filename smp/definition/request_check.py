"""Checks each step's arguments against the request shape of the API call that the service makes.

The shapes are botocore's own (`smp.definition.request_shapes`). An expression of the definition
language may replace a value.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.deploy_values import PATTERN
from smp.definition.language import filled, is_expression
from smp.definition.request_shapes import Shape, input_shape
from smp.definition.step_types import CALLS, STEP_TYPES, row_of
from smp.errors import Problem

FILLED_IN = frozenset(
    (
        *(call.name_member for call in CALLS),
        *(
            member
            for row in STEP_TYPES.values()
            for part in row.parts.values()
            for member in part.filled_in
        ),
    )
)
"""Required members that the service fills in when it starts a step."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
}


def check_requests(compiled: CompiledPipeline) -> list[tuple[str, Problem]]:
    """Return every problem in the steps' arguments with its step's name, in the order of the definition."""
    defaults = {
        parameter["Name"]: parameter["DefaultValue"]
        for parameter in compiled.definition.get("Parameters", [])
        if parameter.get("DefaultValue") not in (None, "")
    }
    return [
        (step["Name"], Problem(f"the service would refuse {path}: {reason}"))
        for step in compiled.steps()
        for path, reason in check_step_request(step, defaults)
    ]


def check_step_request(
    step: Json,
    defaults: Mapping[str, Any] = MappingProxyType({}),
    shapes: Path | None = None,
) -> list[tuple[str, str]]:
    """Return the (path, reason) pairs of a step's problems; a step type without an API call has none.

    A parameter counts as its default, also inside a text: a number where the service takes text is
    refused at run time. `shapes` is a directory that keeps the shapes of requests.
    """
    row = row_of(step)
    if row.call is None and not row.parts:
        return []
    arguments = filled(step["Arguments"], defaults)
    if row.call is not None:
        shape = input_shape("sagemaker", row.call.operation, shapes)
        return list(_problems(arguments, shape, "Arguments"))
    return [
        found
        for member, part in row.parts.items()
        if member in arguments
        for found in _problems(
            arguments[member],
            input_shape(part.service, part.operation, shapes),
            f"Arguments.{member}",
        )
    ]


def _problems(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if is_expression(value):
        return
    check = {"structure": _structure_problems, "list": _list_problems, "map": _map_problems}
    yield from check.get(shape.type_name, _leaf_problems)(value, shape, path)


def _structure_problems(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, f"expected an object, found {value!r}"
        return
    for name in shape.required:
        if name not in value and name not in FILLED_IN:
            yield f"{path}.{name}", "it is required"
    for name, item in value.items():
        if name not in shape.members:
            yield f"{path}.{name}", "there is no such member"
        else:
            yield from _problems(item, shape.member(name), f"{path}.{name}")


def _list_problems(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, f"expected a list, found {value!r}"
        return
    yield from _size_problems(len(value), "items", shape, path)
    for index, item in enumerate(value):
        yield from _problems(item, shape.part("member"), f"{path}[{index}]")


def _map_problems(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        yield path, f"expected an object, found {value!r}"
        return
    yield from _size_problems(len(value), "entries", shape, path)
    for key, item in value.items():
        yield from _leaf_problems(key, shape.part("key"), f"{path} key {key!r}")
        yield from _problems(item, shape.part("value"), f"{path}.{key}")


def _leaf_problems(value: Any, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    allowed = _TYPES.get(shape.type_name)
    if allowed is None:
        return
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        article = "an" if shape.type_name == "integer" else "a"
        yield path, f"expected {article} {shape.type_name}, found {value!r}"
        return
    if isinstance(value, str):
        yield from _text_problems(value, shape, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _size_problems(value, "", shape, path)


def _text_problems(value: str, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    if PATTERN.search(value):
        return
    yield from _size_problems(len(value), "characters", shape, path)
    choices = shape.traits.get("enum")
    if choices and value not in choices:
        yield path, f"{value!r} is not one of the values that botocore knows"
    pattern = shape.traits.get("pattern")
    if pattern and not _matches(pattern, value):
        yield path, f"{value!r} does not match {pattern}"


def _size_problems(size: float, unit: str, shape: Shape, path: str) -> Iterator[tuple[str, str]]:
    low, high = shape.traits.get("min"), shape.traits.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        bounds = " to ".join(str(bound) for bound in (low, high) if bound is not None)
        yield path, f"{size} {unit}".strip() + f", allowed {bounds}"


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        return None


def _matches(pattern: str, value: str) -> bool:
    """Match a pattern of the service; one that Python cannot read counts as matched."""
    of_characters = CLASS.fullmatch(pattern)
    if of_characters is not None and CATEGORY.search(pattern):
        return _has_only(value, of_characters[1])
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value.translate(LINE_ENDS)) is not None


CLASS = re.compile(r"\(?\[(.*)\](?:[*+]|\{\d+,\d+\})\)?")
CATEGORY = re.compile(r"\\p\{([A-Z])\}")


def _has_only(value: str, characters: str) -> bool:
    """Whether all characters are in a class with Unicode categories, which Python's patterns lack."""
    categories = set(CATEGORY.findall(characters))
    rest = CATEGORY.sub("", characters)
    other = re.compile(f"[{rest}]") if rest else None
    return all(
        unicodedata.category(char)[0] in categories or (other and other.match(char))
        for char in value
    )


LINE_ENDS = {ord(char): "\n" for char in "\r\x85\u2028\u2029"}
"""What the service's `.` matches as little as a line feed."""


MAX_DEFINITION_CHARACTERS = 1_048_576
"""CreatePipeline.PipelineDefinition (botocore 1.44.5)."""
MAX_PARAMETERS = 200
MAX_PARAMETER_CHARACTERS = 1024
"""StartPipelineExecution.PipelineParameters, and Parameter.Value (botocore 1.44.5)."""


def check_limits(compiled: CompiledPipeline) -> Iterator[Problem]:
    """Yield a problem for each limit that a definition is over."""
    size = len(json.dumps(compiled.definition, separators=(",", ":"), ensure_ascii=False))
    if size > MAX_DEFINITION_CHARACTERS:
        yield Problem(
            f"the definition has {size:,} characters",
            allowed=f"{MAX_DEFINITION_CHARACTERS:,} (CreatePipeline)",
            hint="split the pipeline in two",
        )
    parameters = compiled.definition.get("Parameters", [])
    if len(parameters) > MAX_PARAMETERS:
        yield Problem(f"it has {len(parameters)} parameters", allowed=f"{MAX_PARAMETERS}")
    for parameter in parameters:
        length = len(str(parameter.get("DefaultValue", "")))
        if length > MAX_PARAMETER_CHARACTERS:
            yield Problem(
                f"the default of parameter '{parameter['Name']}' has {length:,} characters",
                allowed=f"{MAX_PARAMETER_CHARACTERS:,}",
            )
