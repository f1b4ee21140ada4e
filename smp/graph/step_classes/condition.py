"""Condition and Fail: which way an execution continues, and where it ends."""

from __future__ import annotations

from smp.config.steps.condition import ConditionStep, FailStep
from smp.config.values.condition import Reference, parse_condition, references
from smp.config.values.message import message_parts
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, InLoop, StepClass
from smp.graph.step_classes.references import check_references


def _check_condition(
    findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]
) -> Implied:
    assert isinstance(step.config, ConditionStep)
    read = references(parse_condition(step.config.condition))
    return _reading(check_references(findings, step, ("condition",), read))


def _check_fail(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, FailStep)
    read = [part for part in message_parts(step.config.message) if isinstance(part, Reference)]
    return _reading(check_references(findings, step, ("message",), read))


def _reading(steps: list[str]) -> Implied:
    return {"reports": tuple((name, name) for name in dict.fromkeys(steps))}


CONDITION = StepClass(
    config=ConditionStep,
    renderer="condition.render_condition",
    becomes="Condition",
    check=_check_condition,
    takes_chains=False,
    in_loop=InLoop.UNSUPPORTED,
)
FAIL = StepClass(
    config=FailStep,
    renderer="condition.render_fail",
    becomes="Fail",
    check=_check_fail,
    takes_chains=False,
    in_loop=InLoop.UNSUPPORTED,
)
