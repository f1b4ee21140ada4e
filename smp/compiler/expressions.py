"""Puts a pipeline's parameters and the items of its loops into its definition; the SDK saw text.

Text passes through the SDK as it is written, `${parameters.NAME}`; a number passes as a constant that
nothing else in a definition equals. It never hands the SDK a pipeline variable: half of its classes
refuse one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from smp.config.sections.parameters import ParameterConfig
from smp.definition.compiled import CURRENT_ITEM, Json
from smp.definition.expressions import (
    BEGIN,
    EXECUTION,
    ITEM,
    Reference,
    items_in,
    parts_of,
    whole_name,
)
from smp.definition.language import is_expression
from smp.errors import CompileError

_FIRST_NUMBER = 904_217_000_000_000


def number_of(reference: Reference) -> int | float:
    """Return the constant that the SDK sees in place of a whole number or fraction.

    There is none for a flag, which has two values only: a renderer puts `str(reference)` into the
    request when the SDK is done with it.
    """
    if reference.type == "Boolean":
        raise CompileError(f"the SDK cannot be given the flag '{reference.name}'")
    number = _number(reference.name)
    return number + 0.5 if reference.type == "Float" else number


def _number(name: str) -> int:
    return _FIRST_NUMBER + int.from_bytes(hashlib.sha256(name.encode()).digest()[:5])


def declarations(parameters: Iterable[ParameterConfig]) -> list[Json]:
    """Return the `Parameters` of a definition."""
    return [_declaration(parameter) for parameter in parameters]


def _declaration(parameter: ParameterConfig) -> Json:
    declared: Json = {"Name": parameter.name, "Type": parameter.type}
    if parameter.default is not None:
        declared["DefaultValue"] = parameter.default
    if parameter.allowed_values:
        declared["EnumValues"] = list(parameter.allowed_values)
    if parameter.description is not None:
        declared["Description"] = parameter.description
    return declared


def put_expressions(steps: list[Json], parameters: Iterable[ParameterConfig]) -> list[Json]:
    """Return steps with an expression in place of each parameter. Raises CompileError."""
    types = {parameter.name: parameter.type for parameter in parameters}
    numbers = {_number(name): name for name in types}
    placed: list[Json] = _Placing(types, numbers).value(steps)
    return placed


class _Placing:
    """One pass over a definition."""

    def __init__(self, types: Mapping[str, str], numbers: Mapping[int, str]) -> None:
        self._types = types
        self._numbers = numbers

    def value(self, value: Any) -> Any:
        """Return a JSON value with expressions in it."""
        if isinstance(value, str):
            self._refuse_leak(value)
            varies = BEGIN in value or items_in(value) or EXECUTION.search(value)
            return self._text(value) if varies else value
        if isinstance(value, (int, float)):
            name = self._numbers.get(int(value))
            return value if name is None else _get(name)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            if is_expression(value) and "Std:Join" in value:
                return self._flat(value["Std:Join"])
            self._refuse(value)
            return {key: self.value(item) for key, item in value.items()}
        return value

    def _text(self, text: str) -> Json:
        values = self._items(text)
        name = whole_name(text)
        if name is not None and self._types[name] in ("String", "Boolean"):
            return _get(name)
        return values[0] if EXECUTION.fullmatch(text) else _join("", values)

    def _items(self, text: str) -> list[Any]:
        found: list[Any] = []
        for part, name in parts_of(text):
            found += _with_items(part) if name is None else [_get(name)]
        return found

    def _flat(self, join: Json) -> Json:
        """Return a join of texts and references: the language has no join inside another."""
        separator, values = join.get("On", ""), [self.value(item) for item in join["Values"]]
        if not any(isinstance(item, dict) and "Std:Join" in item for item in values):
            return _join(separator, values)
        items: list[Any] = []
        for index, item in enumerate(values):
            items += [separator] if index else []
            inner = item.get("Std:Join") if isinstance(item, dict) else None
            items += _spread(inner) if inner else [item]
        return _join("", merged(items))

    def _refuse_leak(self, text: str) -> None:
        """Raise where the SDK wrote the constant of a number into a text, which nothing could undo."""
        name = next((name for number, name in self._numbers.items() if str(number) in text), None)
        if name is not None:
            raise CompileError(f"the SageMaker SDK puts the number '{name}' into a text: {text}")

    def _refuse(self, value: Json) -> None:
        for key in value:
            if BEGIN in key or items_in(key):
                raise CompileError(f"the name '{key}' contains a parameter, and a name cannot vary")


def _with_items(text: str) -> list[Any]:
    """Return a text as a join has it: plain text, and expressions for items of a loop and the execution."""
    found: list[Any] = []
    at = 0
    for match in ITEM.finditer(text):
        field = f".{match[1]}" if match[1] else ""
        found += [*_with_execution(text[at : match.start()]), {"Get": f"{CURRENT_ITEM}{field}"}]
        at = match.end()
    return [*found, *_with_execution(text[at:])]


def _with_execution(text: str) -> Iterator[str | Json]:
    """Yield the parts of a text: plain text, and an expression for each value of the execution."""
    for index, part in enumerate(EXECUTION.split(text)):
        if index % 2:
            yield {"Get": f"Execution.{part}"}
        elif part:
            yield part


def _spread(join: Json) -> list[Any]:
    items: list[Any] = []
    for index, item in enumerate(join["Values"]):
        items += [join["On"], item] if index else [item]
    return items


def merged(items: list[Any]) -> list[Any]:
    """Return the items with texts that follow each other made one."""
    merged: list[Any] = []
    for item in items:
        if isinstance(item, str) and merged and isinstance(merged[-1], str):
            merged[-1] += item
        elif item != "":
            merged.append(item)
    return merged


def _get(name: str) -> Json:
    return {"Get": f"Parameters.{name}"}


def _join(separator: str, values: list[Any]) -> Json:
    return {"Std:Join": {"On": separator, "Values": values}}
