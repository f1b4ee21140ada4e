"""CreateModel and RegisterModel: what a Training step made, to be served and to be kept."""

from __future__ import annotations

from collections.abc import Iterator

from smp.config.project import Model
from smp.config.sections.registry import InferenceSpecification
from smp.config.steps.approved_model import ApprovedModelStep
from smp.config.steps.base import StepBase
from smp.config.steps.section_step import StepConfig
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.baseline_check import checks_before
from smp.graph.step_classes.references import check_report

SCRIPT_VARIABLES = ("SAGEMAKER_SUBMIT_DIRECTORY", "SAGEMAKER_PROGRAM", "SAGEMAKER_REQUIREMENTS")
"""What tells a serving toolkit which script to load."""
MAKERS = ("Training", "Tuning")
"""The classes whose steps make a model's artifact."""


def _check_create(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    if not findings.steps_of(step.model, *MAKERS):
        approved = findings.last_before(step.config, step.model, "ApprovedModel")
        if approved is not None:
            return _take_approved(findings, step, approved)
    if step.model.config.registry is None:
        findings.report_step(
            step.config,
            f"a CreateModel step needs the section conf.models.{step.model.name}.registry, "
            "which no file has",
        )
    return _need_training(findings, step)


def _take_approved(findings: Findings, step: DeclaredStep, approved: str) -> Implied:
    """Make the model of an approved version: it brings artifact, image and inference script."""
    config = findings.config_of(approved)
    assert isinstance(config, ApprovedModelStep)
    if config.when_none == "continue":
        findings.report_step(
            step.config,
            f"makes a model of the version that '{approved}' finds, which continues if there is none",
            allowed=f"when_none: fail in '{approved}', or in a second ApprovedModel step before this one",
        )
    transform = step.model.config.transform
    if transform is not None and transform.entry_point and step.model.config.train is None:
        findings.report_model(
            step.model,
            "has no effect: the approved version brings its own inference script",
            *("transform", "entry_point"),
            found=transform.entry_point,
            hint="remove it",
        )
    return {"approved": approved}


def _check_register(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    return {
        **_need_training(findings, step),
        "create_model": _packed_by(findings, step),
        "metrics": findings.last_before(step.config, step.model, "Metrics"),
        "reports": (*checks_before(findings, step), *_named_reports(findings, step)),
    }


def _named_reports(findings: Findings, step: DeclaredStep) -> Iterator[tuple[str, str]]:
    """Yield the steps whose reports `model_metrics` names; report those that do not have them."""
    assert isinstance(step.config, StepConfig)
    for kind, (owner, name) in step.config.model_metrics.written.items():
        what = f"names '{owner}.reports.{name}'"
        if check_report(findings, step, ("model_metrics", kind), what, owner, name):
            yield owner, owner


def _need_training(findings: Findings, step: DeclaredStep) -> Implied:
    makers = _makers(findings, step.config, step.model)
    if not makers:
        findings.report_step(
            step.config,
            f"a {step.config.step_class} step needs a Training step of model '{step.model.name}' "
            "in this pipeline",
            hint="or a Tuning step"
            if step.config.step_class == "RegisterModel"
            else "or a Tuning step, or an ApprovedModel step, for a version of the model registry",
        )
    registry, transform = step.model.config.registry, step.model.config.transform
    has_script = transform is not None and transform.entry_point is not None
    if registry is not None and has_script:
        _check_environment(findings, step.model, registry.inference_specification)
    if registry is not None and registry.model_repack and not has_script:
        findings.report_step(
            step.config,
            f"packing a model needs its inference script: "
            f"conf.models.{step.model.name}.transform.entry_point",
            hint='or set registry.ModelRepack: "False" where the artifact serves as it is',
        )
    first, second = (*makers, None, None)[:2]
    return {"training": first, "training_otherwise": second}


def _check_environment(
    findings: Findings, model: Model, specification: InferenceSpecification
) -> None:
    """Report variables that name the inference script, which `transform.entry_point` already does."""
    for name in SCRIPT_VARIABLES:
        path = ("registry", "InferenceSpecification", "env", name)
        if name in specification.env and model.locate(*path) not in _reported(findings):
            findings.report_model(
                model,
                "is set from transform.entry_point",
                *path,
                found=specification.env[name],
                hint="remove one of the two",
            )


def _reported(findings: Findings) -> set[object]:
    return {problem.location for problem in findings.problems}


def _makers(findings: Findings, step: StepBase, model: Model) -> tuple[str, ...]:
    """Return the step that makes the artifact, and its other form on a condition's other side."""
    last = findings.last_before(step, model, *MAKERS)
    if last is None:
        return ()
    makers = findings.before(step, model, *MAKERS)
    return (last, *[name for name in makers if findings.are_opposite(last, name)][-1:])


def _packed_by(findings: Findings, step: DeclaredStep) -> str | None:
    """Return the CreateModel step that packs the very artifact which a RegisterModel step registers."""
    registry = step.model.config.registry
    name = findings.last_before(step.config, step.model, "CreateModel")
    if registry is None or not registry.model_repack or name is None:
        return None
    packed = _makers(findings, findings.config_of(name), step.model)
    return name if packed == _makers(findings, step.config, step.model) else None


CREATE_MODEL = StepClass(
    config=StepConfig,
    renderer="model.render_create_model",
    becomes="Model",
    check=_check_create,
    takes_chains=False,
    retries="call",
    script="transform",
)
REGISTER_MODEL = StepClass(
    config=StepConfig,
    renderer="model.render_register_model",
    becomes="RegisterModel",
    section="registry",
    check=_check_register,
    takes_chains=False,
    retries="call",
    script="transform",
)
