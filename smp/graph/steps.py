"""What is asked of every step, whatever its class; the rest its class checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from smp.config.project import Model
from smp.config.sections.retry import RetrySection
from smp.config.steps.base import Cached, Retried, StepBase
from smp.config.steps.section_step import StepConfig
from smp.errors import Problem, near_names
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput, StepNode
from smp.graph.step_classes import STEP_CLASSES
from smp.graph.step_classes.base import Implied
from smp.graph.step_classes.named_files import check_named_files
from smp.text.messages import dotted


def check_step(
    findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]
) -> Implied:
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
            hint="its Training step is found automatically; use dependencies for order only",
        )
    if config.model_metrics.written and config.step_class != "RegisterModel":
        findings.report_step(config, "only a RegisterModel step has it", "model_metrics")
    if config.chain_input_additional_prefix and not (
        config.step_class == "Transform" and config.chain_input_source_step
    ):
        findings.report_step(
            config,
            "only a Transform step with a chained input takes it",
            "chain_input_additional_prefix",
        )


PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
MODULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*)*\.py")


def entry_point_problems(section: str | None, model: Model) -> Iterator[Problem]:
    """Yield what is wrong with the name of the script that a section has."""
    if section is None:
        return
    written = getattr(model.config.section(section), "entry_point", None)
    if written is None:
        return
    if section == "train":
        reason, characters = "breaks the command that starts it", "'_', '-' and '.'"
        fits = PATH.fullmatch(written)
    else:
        reason, characters = "is run as a module, and cannot be one's name", "'_' and '-'"
        fits = MODULE.fullmatch(written)
    if not fits:
        yield Problem(
            reason,
            model.locate(section, "entry_point"),
            dotted(("conf", "models", model.name, section, "entry_point")),
            repr(written),
            f"letters, digits, {characters} between the slashes, and the ending",
        )


def section_name(findings: Findings, step: StepBase, model: Model) -> str | None:
    """Return the section that a step uses; report a `step_type` that names none of its class."""
    usual = STEP_CLASSES[step.step_class].section
    named = step.step_type if isinstance(step, StepConfig) else None
    if named is None or named == usual:
        return usual
    further = {name: one.kind for name, one in model.config.further_sections.items()}
    if usual is not None and further.get(named) == usual:
        return named
    fitting = [name for name in (usual, *further) if name and further.get(name, usual) == usual]
    is_other = f", which is of kind {further[named]}" if named in further else ""
    findings.report_step(
        step,
        f"a {step.step_class} step does not use a section '{named}'{is_other}",
        "step_type",
        allowed=", ".join(fitting) or "none: leave step_type out",
        hint=near_names(named, fitting),
    )
    return usual


def check_sections(findings: Findings, step: DeclaredStep) -> None:
    """Report the sections that a step needs and that no file has."""
    for needed in STEP_CLASSES[step.config.step_class].sections(step):
        if step.model.config.section(needed) is None:
            findings.report_step(
                step.config,
                f"a {step.config.step_class} step needs the section "
                f"conf.models.{step.model.name}.{needed}, which no file has",
            )


OF_EVERY_STEP = ("throttling", "service_fault")
"""The causes of a retry that are not failures of a SageMaker job."""


def check_unused_keys(findings: Findings, nodes: Iterable[StepNode]) -> None:
    """Report what is written at a step and would change nothing."""
    for node in nodes:
        config = node.config
        if isinstance(config, Cached):
            _check_cache(findings, node, config.cache_expire_after)
        if isinstance(config, Retried) and config.retry is not None:
            _check_causes(findings, node, config.retry)


def _check_cache(findings: Findings, node: StepNode, expire_after: str) -> None:
    written = node.config.model_fields_set
    if "cache_expire_after" in written and "enable_cache" not in written:
        findings.report_step(
            node.config,
            "has no effect without 'enable_cache'",
            "cache_expire_after",
            found=f"'{expire_after}'",
            allowed="enable_cache: true in the same step",
        )


def _check_causes(findings: Findings, node: StepNode, retry: RetrySection) -> None:
    starts_job = STEP_CLASSES[node.step_class].retries == "job" or node.repacks
    if starts_job or "causes" not in retry.model_fields_set:
        return
    model, place = findings.places[node.config.step_name]
    for index, cause in enumerate(retry.causes):
        if cause not in OF_EVERY_STEP:
            path = ("models", model, "steps", place, "retry", "causes", index)
            findings.report(
                "is a failure of SageMaker jobs, and this step starts none",
                *path,
                found=f"'{cause}'",
                allowed=", ".join(OF_EVERY_STEP),
            )
