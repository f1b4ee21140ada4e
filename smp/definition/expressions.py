"""Expressions: `${parameters.NAME}` in a configuration, which gets its value in each execution, and
`${item}` in a loop, which gets it in each iteration.

A dot marks an expression, a colon (`${env:NAME}`) what is put in when the file is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from smp.errors import near_names
from smp.text.messages import shown

ParameterType = Literal["String", "Integer", "Float", "Boolean"]

NAME = r"[A-Za-z0-9_-]{1,64}"
SCOPE = "parameters"
BEGIN = f"${{{SCOPE}."
REFERENCE = re.compile(rf"\$\{{{SCOPE}\.({NAME})\}}")
EVENT = re.compile(r"\$\{event\.([A-Za-z_][A-Za-z0-9_]*)\}")
"""A value of the event that started an execution: only triggers know it."""
ITEM_SCOPE = "item"
ITEM = re.compile(rf"\$\{{{ITEM_SCOPE}(?:\.([A-Za-z_][A-Za-z0-9_]*))?\}}")
"""The item of a loop's iteration, or a field of it."""
EXECUTION_SCOPE = "execution"
EXECUTION_VALUES = (
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
    "StartDateTime",
)
EXECUTION = re.compile(rf"\$\{{{EXECUTION_SCOPE}\.({'|'.join(EXECUTION_VALUES)})\}}")
"""A value of the execution itself; every engine knows these five."""
DOTTED = re.compile(rf"\$\{{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\.([^{{}}]*)\}}|\$\{{{ITEM_SCOPE}\}}")
"""What looks like an expression, known or not; `${HOME}` and `${FILE%.csv}` are text for a shell."""


@dataclass(frozen=True)
class Written:
    """A text with an expression in it, as it is in a file.

    It is not a `str`: a field accepts it only if its type allows the value to vary. `section` is the
    config model that has the field.
    """

    text: str
    section: type | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Reference:
    """A parameter that is a whole number, flag or fraction; a text keeps its references in it."""

    name: str
    type: ParameterType

    def __str__(self) -> str:
        return f"{BEGIN}{self.name}}}"


def unknown_in(text: str, *further: re.Pattern[str]) -> str | None:
    """Return the first expression of a text that is no parameter, item or one of `further`, or None."""
    known = (REFERENCE, ITEM, *further)
    found = (match[0] for match in DOTTED.finditer(text))
    return next((one for one in found if not any(k.fullmatch(one) for k in known)), None)


def unknown_expression(expression: str) -> tuple[str, str, str | None]:
    """Return what is wrong with an expression that nothing can evaluate, what is allowed, a hint."""
    match = DOTTED.fullmatch(expression)
    scope, rest = (match[1], match[2].strip()) if match else ("", "")
    if scope == SCOPE:
        reason = f"{shown(expression)} does not name a parameter"
        return reason, f"{BEGIN}NAME}} with letters, digits, hyphens and underscores", None
    if scope == ITEM_SCOPE:
        reason = f"{shown(expression)} does not name a field of a loop's item"
        return reason, "${item}, or ${item.FIELD} with letters, digits and underscores", None
    if scope == EXECUTION_SCOPE:
        reason = (
            f"{shown(expression)} is no value of an execution, or is not possible in this value"
        )
        allowed = ", ".join(f"${{{EXECUTION_SCOPE}.{name}}}" for name in EXECUTION_VALUES)
        return reason, allowed, "they are possible in env, arguments and metadata"
    near = near_names(scope, (SCOPE, "env", ITEM_SCOPE))
    if near and "'env'" in near:
        return f"unknown expression {shown(expression)}", "${env:NAME}", "'env' needs a colon"
    if near and f"'{ITEM_SCOPE}'" in near:
        reason = f"unknown expression {shown(expression)}"
        return reason, f"{BEGIN}NAME}}", f"in a loop: ${{{ITEM_SCOPE}.{rest}}}"
    hint = f"did you mean {BEGIN}{rest}}}?" if near else None
    return f"unknown expression {shown(expression)}", f"{BEGIN}NAME}}", hint


def fixed_part(text: str) -> str:
    """Return the part of a text before its first expression."""
    match = DOTTED.search(text)
    return text[: match.start()] if match else text


def items_in(text: str) -> tuple[str, ...]:
    """Return the fields of a loop's item that a text refers to, in order; "" is the whole item."""
    return tuple(match[1] or "" for match in ITEM.finditer(text))


def names_in(text: str) -> tuple[str, ...]:
    """Return the names of the parameters that a text refers to, in order."""
    return tuple(REFERENCE.findall(text))


def whole_name(text: str) -> str | None:
    """Return the name of the parameter that is all of a text, else None."""
    match = REFERENCE.fullmatch(text)
    return match[1] if match else None


def parts_of(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield what a text consists of: plain text with None, and for each reference its name."""
    for index, part in enumerate(REFERENCE.split(text)):
        if index % 2:
            yield "", part
        elif part:
            yield part, None


def filled_in(text: str, value_of: Callable[[str], str | None]) -> str:
    """Return a text with values in place of its references; one without a value stays."""

    def replacement(match: re.Match[str]) -> str:
        value = value_of(match[1])
        return match[0] if value is None else value

    return REFERENCE.sub(replacement, text)
