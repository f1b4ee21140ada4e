"""Condition and Fail: which way an execution goes on, and where it ends.

It never reads a metric; it checks that there is one to read.
"""

from __future__ import annotations

from collections.abc import Iterable

from smp.config.condition import FINAL_METRICS, PARAMETERS, Reference, parse_condition, references
from smp.config.message import message_parts
from smp.config.steps import ConditionStep, FailStep
from smp.errors import near_names
from smp.graph.declared import Declared
from smp.graph.findings import Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass

CLASS_OF_KIND = {"metrics": "Metrics", FINAL_METRICS: "Training"}
"""The class of the steps that have each kind of metric."""


def _check_condition(findings: Findings, step: Declared, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, ConditionStep)
    read = references(parse_condition(step.config.condition))
    return {"reports": _check_references(findings, step, "condition", read)}


def _check_fail(findings: Findings, step: Declared, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, FailStep)
    read = [part for part in message_parts(step.config.message) if isinstance(part, Reference)]
    return {"reports": _check_references(findings, step, "message", read)}


def _check_references(
    findings: Findings, step: Declared, key: str, read: Iterable[Reference]
) -> tuple[tuple[str, str], ...]:
    """Report what is read of steps that have no such metric; return the steps that are read."""
    steps: list[str] = []
    for reference in read:
        if reference.kind == PARAMETERS:
            continue
        wanted = CLASS_OF_KIND[reference.kind]
        source = findings.steps.get(reference.owner)
        if source is None or source.config.step_class != wanted:
            known = [n for n, s in findings.steps.items() if s.config.step_class == wanted]
            findings.report_step(
                step.config,
                f"reads '{reference}', and '{reference.owner}' is no {wanted} step",
                key,
                allowed=", ".join(known) or f"this pipeline has no {wanted} step",
                hint=near_names(reference.owner, known),
            )
        else:
            steps.append(reference.owner)
            if reference.kind == FINAL_METRICS:
                _check_metric(findings, step, key, reference, source)
    return tuple((name, name) for name in dict.fromkeys(steps))


def _check_metric(
    findings: Findings, step: Declared, key: str, reference: Reference, source: Declared
) -> None:
    section = source.model.config.train
    known = [metric.name for metric in section.metric_definitions] if section else []
    if reference.path not in known:
        findings.report_step(
            step.config,
            f"reads '{reference}', which metric_definitions does not define",
            key,
            allowed=", ".join(known) or f"'{source.model.name}' defines no metric",
            hint=near_names(reference.path, known),
        )


CONDITION = StepClass(None, _check_condition, takes_chains=False)
FAIL = StepClass(None, _check_fail, takes_chains=False)
