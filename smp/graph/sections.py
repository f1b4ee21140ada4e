"""Which section of its model each step uses: the one of its class, or a further one of that kind."""

from __future__ import annotations

from smp.config.project import Model
from smp.config.steps.base import StepBase
from smp.config.steps.section_step import StepConfig
from smp.errors import near_names
from smp.graph.declared import Declared
from smp.graph.findings import Findings
from smp.graph.step_classes import STEP_CLASSES


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


def check_sections(findings: Findings, step: Declared) -> None:
    """Report the sections that a step needs and that no file has."""
    for needed in STEP_CLASSES[step.config.step_class].sections(step):
        if step.model.config.section(needed) is None:
            findings.report_step(
                step.config,
                f"a {step.config.step_class} step needs the section "
                f"conf.models.{step.model.name}.{needed}, which no file has",
            )
