"""What checks have in common: what is checked, what it is compared with, which checks a version keeps."""

from __future__ import annotations

from smp.config.steps.baseline_check import CheckStep
from smp.errors import near_names
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied
from smp.graph.step_classes.function import check_stand_in

CHECKED = ("Processing", "Transform")
"""The classes whose outputs are data to check."""
SUPPLIED = ("supplied_baseline_statistics", "supplied_baseline_constraints")


def check_against_baseline(
    findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]
) -> Implied:
    """Report what is wrong with the data of a check, its baseline and its stand-in."""
    assert isinstance(step.config, CheckStep)
    if chained:
        _check_chain(findings, step.config, chained)
    _check_baseline(findings, step, step.config)
    check_stand_in(findings, step, step.config.local_stand_in)
    return {}


def _check_chain(findings: Findings, config: CheckStep, chained: tuple[ChainedInput, ...]) -> None:
    source = findings.config_of(chained[0].source)
    if source.step_class not in CHECKED:
        findings.report_step(
            config,
            f"'{source.step_name}' is a {source.step_class} step, whose output is not data to check",
            "chain_input_source_step",
            allowed=f"a step of class {' or '.join(CHECKED)}",
        )
        return
    outputs = [chain.output for chain in chained]
    if config.chain_output is None and len(outputs) > 1:
        findings.report_step(
            config,
            f"'{source.step_name}' has several outputs, and one is checked",
            "chain_input_source_step",
            allowed=f"chain_output: {' or '.join(outputs)}",
        )
    elif config.chain_output is not None and config.chain_output not in outputs:
        findings.report_step(
            config,
            f"'{source.step_name}' has no such output",
            "chain_output",
            found=config.chain_output,
            allowed=", ".join(outputs),
            hint=near_names(config.chain_output, outputs),
        )


def _check_baseline(findings: Findings, step: DeclaredStep, config: CheckStep) -> None:
    has_group = config.model_package_group or step.model.config.registry is not None
    if config.skip_check is not True and not config.supplies_baseline and not has_group:
        supplied = " and ".join(key for key in SUPPLIED if key in type(config).model_fields)
        findings.report_step(
            config,
            "has no baseline to compare with",
            allowed=f"model_package_group, {supplied}, or skip_check: true",
            hint=f"a section conf.models.{step.model.name}.registry names the model's own group",
        )


def checks_before(findings: Findings, step: DeclaredStep) -> tuple[tuple[str, str], ...]:
    """Return the checks whose baselines a RegisterModel step registers: the last before it of each kind."""
    order = list(findings.steps)
    names = findings.steps_of(step.model, "QualityCheck", "ClarifyCheck")
    names = findings.regular(step.config, names)
    last: dict[str, str] = {}
    for name in names:
        config = findings.config_of(name)
        assert isinstance(config, CheckStep)
        if order.index(name) < order.index(step.config.step_name):
            last[config.check] = name
    return tuple((name, name) for name in last.values())
