"""What is asked of every step, whatever its class; the rest its class checks."""

from __future__ import annotations

from smp.config.steps.section_step import StepConfig
from smp.graph.declared import Declared
from smp.graph.entry_points import entry_point_problems
from smp.graph.findings import Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes import STEP_CLASSES
from smp.graph.step_classes.base import Implied
from smp.graph.step_classes.named_files import check_named_files


def check_step(findings: Findings, step: Declared, chained: tuple[ChainedInput, ...]) -> Implied:
    """Report what is wrong with a step and return the steps that it relies on by its class."""
    step_class = STEP_CLASSES[step.config.step_class]
    if isinstance(step.config, StepConfig):
        _check_keys(findings, step.config)
    findings.problems += entry_point_problems(step_class.script_section(step), step.model)
    check_named_files(findings, step, step_class.directories)
    return step_class.check(findings, step, chained)


def _check_keys(findings: Findings, config: StepConfig) -> None:
    step_class = STEP_CLASSES[config.step_class]
    if config.enable_cache and not step_class.cacheable:
        findings.report_step(
            config,
            f"a {config.step_class} step cannot be cached by the service",
            "enable_cache",
            hint="remove enable_cache",
        )
    if config.chain_input_source_step and not step_class.takes_chains:
        findings.report_step(
            config,
            f"a {config.step_class} step reads no other step's output",
            "chain_input_source_step",
            hint="it finds its Training step by itself; for order alone use dependencies",
        )
    if config.chain_input_additional_prefix and not (
        config.step_class == "Transform" and config.chain_input_source_step
    ):
        findings.report_step(
            config,
            "only a Transform step with a chained input takes it",
            "chain_input_additional_prefix",
        )
