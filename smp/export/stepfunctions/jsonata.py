"""Expressions of the definition language as JSONata, the language of a state machine's values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from smp.definition.compiled import Json
from smp.definition.language import (
    NAMED_ITEMS,
    Quoted,
    is_expression,
    path_parts,
    property_file_of,
    reference_of,
    step_property,
)
from smp.export.stepfunctions.float_text import SCOPE, TEXTS, float_text, is_metric

INPUT = "$states.input"
"""What every state is given: a record for each step that has ended, by its name."""

RESULT = "$states.result"
PARAMETERS = "$Parameters"

REPORTS = "PropertyFiles"
"""In a record, the part of a key before the name of a property file and a path in it."""

EXECUTION: Mapping[str, str] = {
    "PipelineExecutionArn": "$states.context.Execution.Id",
    "PipelineExecutionId": "$states.context.Execution.Name",
    "PipelineArn": "$states.context.StateMachine.Id",
    "StartDateTime": "$states.context.Execution.StartTime",
    "CurrentDateTime": "$now()",
}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = frozenset({"and", "or", "in", "true", "false", "null", "function"})
_CODE = re.compile(r"\{%.*%\}", re.DOTALL)


def code(expression: str) -> str:
    """Return an expression as a state machine takes one in the place of a value."""
    return f"{{% {expression} %}}"


def template(value: Any) -> Any:
    """Return a JSON value with JSONata wherever the definition has an expression."""
    if is_expression(value):
        return code(rendered(value))
    if isinstance(value, dict):
        return {key: template(item) for key, item in value.items()}
    if isinstance(value, list):
        return [template(item) for item in value]
    if isinstance(value, str) and _CODE.fullmatch(value.strip()):
        return code(literal(value))
    return value


def rendered(value: Any) -> str:
    """Return a JSON value, expression or constant, as JSONata."""
    if not is_expression(value):
        return literal(value)
    if "Get" in value:
        return _get(value)
    if "Std:Join" in value:
        return _join(value["Std:Join"])
    step, key = report_key(value["Std:JsonGet"])
    return member(record(step), key)


def literal(value: Any) -> str:
    """Return a constant as JSONata."""
    if isinstance(value, str) and "'" not in value:
        return f"'{json.dumps(value, ensure_ascii=False)[1:-1]}'".replace('\\"', '"')
    return json.dumps(value, ensure_ascii=False)


def record(step: str) -> str:
    """Return what stands for the record of a step that has ended."""
    return member(INPUT, step)


def member(value: str, name: str) -> str:
    """Return the member of an object."""
    plain = _NAME.fullmatch(name) and name not in _WORDS
    return f"{value}.{name}" if plain else f"{value}.`{name}`"


def property_key(path: str) -> str:
    """Return the key that a property is kept by in its step's record: `Outputs['a'].X` as `Outputs.a.X`."""
    return ".".join(str(part) for part in path_parts(path))


def report_key(get: Json) -> tuple[str, str]:
    """Return the step whose record has the value that a `Std:JsonGet` reads, and its key there."""
    step, name = property_file_of(get)
    return step, f"{REPORTS}.{name}.{property_key(str(get['Path']))}"


def follow(value: str, path: str) -> str:
    """Return the JSONata that follows a path of the definition language from a value on."""
    before = ""
    for part in path_parts(path):
        if isinstance(part, int):
            value = f"{value}[{part}]"
        elif isinstance(part, Quoted) and before in NAMED_ITEMS:
            value = f"{value}[{NAMED_ITEMS[before]}={literal(part)}]"
        else:
            value = member(value, part)
        before = str(part)
    return value


def _get(reference: Json) -> str:
    found = step_property(reference)
    if found is not None:
        step, path = found
        return member(record(step), property_key(path))
    kind, name = reference_of(reference)
    if kind == "Execution":
        return EXECUTION[name]
    return member(TEXTS if kind == SCOPE else PARAMETERS, name)


def _join(join: Json) -> str:
    """Return a join as one sum of texts, constants that follow each other made one."""
    parts: list[Any] = []
    for index, value in enumerate(join["Values"]):
        for part in [str(join.get("On", "")), value] if index else [value]:
            if parts and isinstance(part, str) and isinstance(parts[-1], str):
                parts[-1] += part
            elif part != "":
                parts.append(part)
    if not parts or not any(isinstance(part, str) for part in parts):
        parts = ["", *parts]
    return " & ".join(_operand(part) for part in parts)


def _operand(part: Any) -> str:
    text = rendered(part)
    if is_metric(part):
        return float_text(text)
    return f"({text})" if is_expression(part) and "Std:Join" in part else text
