"""The parameters that conditions compare: declared, and of the type of what they are compared with.

It never decides a condition.
"""

from __future__ import annotations

from collections.abc import Iterator

from smp.config.condition import (
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
from smp.config.parameters import ParameterConfig
from smp.config.steps import ConditionStep
from smp.config.wording import dotted, shown
from smp.graph.findings import Findings
from smp.graph.parameters import declared_parameter

ORDERED = ("<", "<=", ">", ">=")
NUMBERS = ("Integer", "Float")
TAKES: dict[str, tuple[str, tuple[type, ...]]] = {
    "Boolean": ("true or false", (bool,)),
    "String": ("a text in quotes", (str,)),
    "Integer": ("a number", (int, float)),
    "Float": ("a number", (int, float)),
}
"""What a parameter of each type is compared with."""


def check_condition_parameters(findings: Findings) -> None:
    """Report parameters in conditions that are not declared or never equal what stands beside them."""
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
        parameter = _parameter(findings, step, leaf.query)
        if parameter is not None:
            for value in leaf.values:
                _check_value(findings, step, parameter, value)
        return
    for own, other in ((leaf.left, leaf.right), (leaf.right, leaf.left)):
        parameter = _parameter(findings, step, own)
        if parameter is None:
            continue
        if leaf.operator in ORDERED and parameter.type not in NUMBERS:
            findings.report_step(
                step,
                f"orders '{own}' by '{leaf.operator}', and it is of type {parameter.type}",
                "condition",
                allowed="==, != or in",
            )
        elif not isinstance(other, Reference):
            _check_value(findings, step, parameter, other)


def _parameter(findings: Findings, step: ConditionStep, operand: Operand) -> ParameterConfig | None:
    if not isinstance(operand, Reference) or operand.kind != PARAMETERS:
        return None
    model, index = findings.places[step.step_name]
    path = ("sagemakerPipeline", "models", model, "steps", index, "condition")
    return declared_parameter(
        findings,
        operand.path,
        findings.pipeline.locate(*path),
        dotted(("conf", *path)),
        step.condition,
    )


def _check_value(
    findings: Findings, step: ConditionStep, parameter: ParameterConfig, value: Value
) -> None:
    words, types = TAKES[parameter.type]
    fits = isinstance(value, types) and (parameter.type == "Boolean") == isinstance(value, bool)
    if not fits:
        findings.report_step(
            step,
            f"compares 'parameters.{parameter.name}' with {shown(value)}, "
            f"and it is of type {parameter.type}",
            "condition",
            allowed=words,
        )
    elif parameter.allowed_values and value not in parameter.allowed_values:
        findings.report_step(
            step,
            f"compares 'parameters.{parameter.name}' with {shown(value)}, which it never is",
            "condition",
            allowed=", ".join(parameter.allowed_values),
        )
