"""The parameters and outputs that conditions compare: of the type of what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smp.config.steps.condition import ConditionStep
from smp.config.values.condition import (
    OUTPUTS,
    PARAMETERS,
    AllOf,
    AnyOf,
    Expression,
    Leaf,
    Membership,
    Operand,
    Reference,
    Value,
    parse_condition,
)
from smp.definition.expressions import ParameterType
from smp.graph.findings import Findings
from smp.graph.parameters import declared_parameter
from smp.text.messages import dotted, shown

ORDERED = ("<", "<=", ">", ">=")
NUMBERS = ("Integer", "Float")
TAKES: dict[str, tuple[str, tuple[type, ...]]] = {
    "Boolean": ("true or false", (bool,)),
    "String": ("a text in quotes", (str,)),
    "Integer": ("a number", (int, float)),
    "Float": ("a number", (int, float)),
}
"""What a parameter of each type is compared with."""


@dataclass(frozen=True)
class _Typed:
    """A parameter or output as a condition writes it, its type, and the values it may take, if limited."""

    name: str
    type: ParameterType
    allowed: tuple[Value, ...] = ()


def check_condition_parameters(findings: Findings) -> None:
    """Report parameters that are not declared, and comparisons that are never true."""
    for step in findings.steps.values():
        if isinstance(step.config, ConditionStep):
            for leaf in _leaves(parse_condition(step.config.condition)):
                _check_leaf(findings, step.config, leaf)


def _leaves(condition: Expression) -> Iterator[Leaf]:
    if isinstance(condition, (AllOf, AnyOf)):
        for part in condition.parts:
            yield from _leaves(part)
    else:
        yield condition


def _check_leaf(findings: Findings, step: ConditionStep, leaf: Leaf) -> None:
    if isinstance(leaf, Membership):
        query = _typed(findings, step, leaf.query)
        if query is not None:
            for value in leaf.values:
                _check_value(findings, step, query, value)
        return
    for own, other in ((leaf.left, leaf.right), (leaf.right, leaf.left)):
        typed = _typed(findings, step, own)
        if typed is None:
            continue
        if leaf.operator in ORDERED and typed.type not in NUMBERS:
            findings.report_step(
                step,
                f"orders '{own}' by '{leaf.operator}', and it is of type {typed.type}",
                "condition",
                allowed="==, != or in",
            )
        elif not isinstance(other, Reference):
            _check_value(findings, step, typed, other)


def _typed(findings: Findings, step: ConditionStep, operand: Operand) -> _Typed | None:
    """Return what is known of a parameter or of a step's output; None for what has no type."""
    if not isinstance(operand, Reference):
        return None
    if operand.kind == OUTPUTS:
        source = findings.steps.get(operand.owner)
        kind = source.config.typed_outputs.get(operand.path) if source else None
        return _Typed(str(operand), kind) if kind else None
    if operand.kind != PARAMETERS:
        return None
    model, index = findings.places[step.step_name]
    path = ("sagemakerPipeline", "models", model, "steps", index, "condition")
    parameter = declared_parameter(
        findings,
        operand.path,
        findings.pipeline.locate(*path),
        dotted(("conf", *path)),
        step.condition,
    )
    if parameter is None:
        return None
    return _Typed(str(operand), parameter.type, tuple(parameter.allowed_values))


def _check_value(findings: Findings, step: ConditionStep, typed: _Typed, value: Value) -> None:
    words, types = TAKES[typed.type]
    fits = isinstance(value, types) and (typed.type == "Boolean") == isinstance(value, bool)
    if not fits:
        findings.report_step(
            step,
            f"compares '{typed.name}' with {shown(value)}, and it is of type {typed.type}",
            "condition",
            allowed=words,
        )
    elif typed.allowed and value not in typed.allowed:
        findings.report_step(
            step,
            f"compares '{typed.name}' with {shown(value)}, which it never is",
            "condition",
            allowed=", ".join(map(str, typed.allowed)),
        )
