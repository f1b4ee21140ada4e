"""The types of values that may vary from execution to execution, and which values of a section do.

A field whose type is not one of these takes no expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args

from pydantic import BeforeValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from smp.config.values.base import ConfigModel, fault
from smp.definition.expressions import (
    BEGIN,
    EXECUTION,
    ParameterType,
    Reference,
    Written,
    filled_in,
    items_in,
    names_in,
    unknown_expression,
    unknown_in,
    whole_name,
)

T = TypeVar("T")
Path_ = tuple[str | int, ...]
Known = Callable[[str], str | int | float | bool | None]
"""Returns the value that a parameter is taken to have, or None where none is known."""

TYPES: dict[Any, ParameterType] = {
    int: "Integer",
    float: "Float",
    int | float: "Float",
    bool: "Boolean",
}

IN_SCHEMA = "x-varies"
"""Marks such a value in pydantic's JSON schema; `smp.config.documents.schema` expands it."""


class _Mark:
    """What tells pydantic that an expression may stand where a value does."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), IN_SCHEMA: True}


@dataclass(frozen=True)
class ParameterizableText(_Mark):
    """Of a type of text: references may stand in it, and the value keeps them as written."""

    bucket: Literal["", "uri", "name"] = ""
    """Whether it names a bucket: at the beginning of an S3 URI, or as a whole."""
    further: tuple[re.Pattern[str], ...] = ()
    """Expressions that it takes beside parameters and items."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return _accept_expressions(handler(source), self._known_text)

    def _known_text(self, written: Written) -> str:
        _refuse_unknown(written, *self.further)
        return written.text


class _ParameterizableValue(_Mark):
    """Of a number or flag: a reference may stand for the whole of it."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        plain = get_args(source)[0]
        kind = TYPES[_bare(plain)]
        return _accept_expressions(
            handler.generate_schema(plain), lambda written: _whole(written, kind)
        )


@dataclass(frozen=True)
class _EvaluatedText(_Mark):
    """Of a text with expressions of its own, which the field's checks know."""

    typed: bool = False
    """Whether an expression that is all of the text keeps its type."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        inner = handler(source)
        return core_schema.no_info_before_validator_function(
            lambda value: value.text if isinstance(value, Written) else value, inner
        )


VARIES = ParameterizableText()
VARIES_BY_EXECUTION = ParameterizableText(further=(EXECUTION,))
"""Of a text that no permission depends on: it also takes what an execution knows of itself."""
EVALUATED = _EvaluatedText()
TYPED = _EvaluatedText(typed=True)
Varying = Annotated[Union[T, Reference], _ParameterizableValue()]  # noqa: UP007  Varying[int] needs a generic alias
"""A number or flag for which a parameter may stand: `Varying[int]`; limits go inside the brackets."""


def _accept_expressions(inner: CoreSchema, read: Callable[[Written], Any]) -> CoreSchema:
    def validate(value: Any, check: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return read(value) if isinstance(value, Written) else check(value)

    def write(value: Any) -> Any:
        return str(value) if isinstance(value, Reference) else value

    return core_schema.no_info_wrap_validator_function(
        validate, inner, serialization=core_schema.plain_serializer_function_ser_schema(write)
    )


def _refuse_unknown(written: Written, *further: re.Pattern[str]) -> None:
    unknown = unknown_in(written.text, *further)
    if unknown is not None:
        raise fault(*unknown_expression(unknown))


def _whole(written: Written, kind: ParameterType) -> Reference:
    _refuse_unknown(written)
    name = whole_name(written.text)
    if items_in(written.text):
        raise fault("an item of a loop is taken as text, and no text is expected here")
    if name is None:
        allowed = f"{BEGIN}NAME}} and nothing else"
        raise fault("is text around a parameter, and no text is expected here", allowed)
    return Reference(name, kind)


def fixed(because: str) -> BeforeValidator:
    """Say why a value cannot vary though the service itself would take an expression."""

    def refuse(value: Any) -> Any:
        if isinstance(value, Written):
            _refuse_unknown(value)
            hint = "${env:NAME} and conf.environments are put in when the file is read"
            raise fault(f"is needed when the pipeline is built: {because}", "a value", hint)
        return value

    return BeforeValidator(refuse)


def _bare(annotation: Any) -> Any:
    while hasattr(annotation, "__metadata__"):
        annotation = get_args(annotation)[0]
    return annotation


@dataclass(frozen=True)
class Use:
    """A value of a section that refers to parameters; `path` is in the keys' own spelling."""

    path: Path_
    value: str | Reference
    owners: tuple[ConfigModel, ...]
    """The section and those in it that the value stands in, from the outside in."""
    bucket: Literal["", "uri", "name"] = ""
    typed: bool = False
    """Whether the parameter that is all of a text keeps its type there."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters that it refers to."""
        return (self.value.name,) if isinstance(self.value, Reference) else names_in(self.value)

    @property
    def items(self) -> tuple[str, ...]:
        """The fields of a loop's item that it refers to; "" is the whole item."""
        return () if isinstance(self.value, Reference) else items_in(self.value)


def uses_in(
    section: ConfigModel, path: Path_ = (), above: tuple[ConfigModel, ...] = ()
) -> Iterator[Use]:
    """Yield each value of a section, and of those below it, that refers to a parameter."""
    owners = (*above, section)
    for name, field in type(section).model_fields.items():
        if name in section.model_fields_set:
            below = (*path, field.alias or name)
            for use in _uses(getattr(section, name), below, owners):
                yield _marked(use, name) if use.owners == owners else use


def _uses(value: Any, path: Path_, owners: tuple[ConfigModel, ...]) -> Iterator[Use]:
    if isinstance(value, Reference) or (isinstance(value, str) and _has_expression(value)):
        yield Use(path, value, owners)
    elif isinstance(value, ConfigModel):
        yield from uses_in(value, path, owners)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _uses(item, (*path, key), owners)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _uses(item, (*path, index), owners)


def _marked(use: Use, name: str) -> Use:
    mark = mark_of(type(use.owners[-1]), name)
    if isinstance(mark, _EvaluatedText):
        return replace(use, typed=mark.typed and whole_name(str(use.value)) is not None)
    return replace(use, bucket=mark.bucket) if isinstance(mark, ParameterizableText) else use


@cache
def mark_of(model: type[ConfigModel], name: str) -> _Mark | None:
    """Return what says that a field, or the items of it, may vary; None where they may not."""
    field = model.model_fields[name]
    return _find((field.annotation, *field.metadata))


def _find(annotations: tuple[Any, ...]) -> _Mark | None:
    for annotation in annotations:
        if isinstance(annotation, _Mark):
            return annotation
        inner = (*getattr(annotation, "__metadata__", ()), *get_args(annotation))
        found = _find(inner) if inner else None
        if found is not None:
            return found
    return None


def resolve_section(section: ConfigModel, known: Known) -> dict[str, Any]:
    """Return a section as a file could have it, with what is known in place of its references."""
    return {
        field.alias or name: _resolve_value(getattr(section, name), known)
        for name, field in type(section).model_fields.items()
        if name in section.model_fields_set
    }


def _resolve_value(value: Any, known: Known) -> Any:
    if isinstance(value, Reference):
        found = known(value.name)
        return Written(str(value)) if found is None else found
    if isinstance(value, str) and _has_expression(value):
        text = filled_in(value, lambda name: _text(known(name)))
        return Written(text) if _has_expression(text) else text
    if isinstance(value, ConfigModel):
        return resolve_section(value, known)
    if isinstance(value, dict):
        return {key: _resolve_value(item, known) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_resolve_value(item, known) for item in value]
    return value


def _has_expression(text: str) -> bool:
    return BEGIN in text or bool(items_in(text)) or EXECUTION.search(text) is not None


def _text(value: str | int | float | bool | None) -> str | None:
    return None if value is None else str(value)


def varying_keys(section: type | None) -> list[str]:
    """Return the keys of a section whose value may vary."""
    if section is None or not issubclass(section, ConfigModel):
        return []
    fields = section.model_fields.items()
    return [field.alias or name for name, field in fields if mark_of(section, name) is not None]
