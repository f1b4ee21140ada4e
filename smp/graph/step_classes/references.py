"""What conditions, messages and inputs read of other steps: metrics and outputs, which have to be there."""

from __future__ import annotations

from collections.abc import Iterable

from smp.config.sections.jobs import EvaluateSection, PreprocessSection
from smp.config.steps.approved_model import ApprovedModelStep
from smp.config.values.condition import (
    FINAL_METRICS,
    ITEM,
    METRICS,
    OUTPUTS,
    PARAMETERS,
    REPORTS,
    Reference,
    metric_name,
)
from smp.errors import near_names
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.package_sources import find_source

CLASS_OF_KIND = {METRICS: "Metrics", FINAL_METRICS: "Training"}
"""The class of the steps that have each kind of metric."""


def reports_of(step: DeclaredStep) -> tuple[str, ...]:
    """Return the names of the reports that a step's section lists."""
    section = step.section
    return (
        tuple(section.reports) if isinstance(section, (PreprocessSection, EvaluateSection)) else ()
    )


def check_references(
    findings: Findings, step: DeclaredStep, place: tuple[str | int, ...], read: Iterable[Reference]
) -> list[str]:
    """Report what is read of steps that have no such value; return the steps that are read."""
    steps: list[str] = []
    for reference in read:
        if reference.kind == PARAMETERS or _is_item(findings, step, place, reference):
            continue
        source = findings.steps.get(reference.owner)
        if reference.owner == step.config.step_name:
            _report(findings, step, place, f"reads '{reference}', which is of the step itself")
        elif source is None or not _has_kind(source, reference.kind):
            _report_owner(findings, step, place, reference)
        else:
            steps.append(reference.owner)
            _check_name(findings, step, place, reference, source)
    return steps


def _is_item(
    findings: Findings, step: DeclaredStep, place: tuple[str | int, ...], reference: Reference
) -> bool:
    """Return whether an item of a loop is read; report an item in a condition."""
    if reference.kind == ITEM and step.config.step_class == "Condition":
        _report(findings, step, place, f"reads '{reference}', which only steps of a loop have")
    return reference.kind == ITEM


def _has_kind(source: DeclaredStep, kind: str) -> bool:
    if kind == OUTPUTS:
        return bool(source.config.typed_outputs)
    if kind == REPORTS:
        return bool(reports_of(source))
    if kind == METRICS and isinstance(source.config, ApprovedModelStep):
        return True
    return source.config.step_class == CLASS_OF_KIND[kind]


def _report_owner(
    findings: Findings, step: DeclaredStep, place: tuple[str | int, ...], reference: Reference
) -> None:
    wanted = CLASS_OF_KIND.get(reference.kind)
    what = f"is not a {wanted} step" if wanted else f"has no {reference.kind}"
    none = f"no {wanted} step" if wanted else f"no step with {reference.kind}"
    known = [n for n, s in findings.steps.items() if _has_kind(s, reference.kind)]
    known = [name for name in known if name != step.config.step_name]
    _report(
        findings,
        step,
        place,
        f"reads '{reference}', and '{reference.owner}' {what}",
        allowed=", ".join(known) or f"this pipeline has {none}",
        hint=near_names(reference.owner, known),
    )


def _check_name(
    findings: Findings,
    step: DeclaredStep,
    place: tuple[str | int, ...],
    reference: Reference,
    source: DeclaredStep,
) -> None:
    if reference.kind == METRICS:
        if isinstance(source.config, ApprovedModelStep):
            _check_reports(findings, step, place, reference, source.config)
        return
    if reference.kind == REPORTS:
        check_report(
            findings, step, place, f"reads '{reference}'", reference.owner, reference.report
        )
        return
    known = list(source.config.typed_outputs)
    written: Iterable[str] = known
    missing, none = f"which '{reference.owner}' does not list in outputs", ""
    if reference.kind == FINAL_METRICS:
        section = source.model.config.train
        known = [metric.name for metric in section.metric_definitions] if section else []
        if section is not None and section.entry_point is None and not known:
            return  # the image's algorithm reports its own metrics
        written = map(metric_name, known)
        missing = "which metric_definitions does not define"
        none = f"'{source.model.name}' defines no metric"
    if reference.path not in known:
        _report(
            findings,
            step,
            place,
            f"reads '{reference}', {missing}",
            allowed=", ".join(written) or none,
            hint=near_names(reference.path, known),
        )


def check_report(
    findings: Findings,
    step: DeclaredStep,
    place: tuple[str | int, ...],
    what: str,
    owner: str,
    name: str,
) -> bool:
    """Report that a step has no report of a name; return whether it has it."""
    source = findings.steps.get(owner)
    known = reports_of(source) if source is not None else ()
    if name in known:
        return True
    having = [other for other, found in findings.steps.items() if reports_of(found)]
    missing = "is not a step" if source is None else "has no reports"
    if known:
        missing = f"has no report '{name}'"
    _report(
        findings,
        step,
        place,
        f"{what}, and '{owner}' {missing}",
        allowed=", ".join(f"{owner}.reports.{one}" for one in known)
        or ", ".join(having)
        or "this pipeline has no step with reports",
        hint=near_names(name, known) if known else near_names(owner, having),
    )
    return False


def _check_reports(
    findings: Findings,
    step: DeclaredStep,
    place: tuple[str | int, ...],
    reference: Reference,
    source: ApprovedModelStep,
) -> None:
    """Report metrics of versions whose reports have an unknown place."""
    packages = find_source(findings, source)
    if packages is not None and not packages.reports:
        _report(
            findings,
            step,
            place,
            f"reads '{reference}', and the location of the reports of '{packages.group}' is not known",
            allowed=f"with their prefix in `reports` of '{source.step_name}'",
        )


def _report(
    findings: Findings,
    step: DeclaredStep,
    place: tuple[str | int, ...],
    reason: str,
    **details: str | None,
) -> None:
    model, index = findings.places[step.config.step_name]
    findings.report(reason, "models", model, "steps", index, *place, **details)
