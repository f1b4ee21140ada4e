"""The pipeline that registers into a model package group, and the places of what it registers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from smp.config.project import Model, Pipeline, Project
from smp.config.read.placeholders import SMP_NAMES
from smp.config.sections.jobs import EvaluateSection, PreprocessSection
from smp.config.steps.approved_model import ApprovedModelStep
from smp.config.steps.section_step import StepConfig
from smp.config.values.channels import EvaluateChannel, PreprocessChannel
from smp.config.values.reports import channel_of
from smp.definition.compiled import EXECUTIONS_PREFIX
from smp.definition.expressions import fixed_part
from smp.errors import near_names
from smp.graph.findings import Findings
from smp.graph.nodes import PackageSource, model_package_group_name

MODELS_PREFIX = "models"
"""Below it, and the pipeline's name, is where training jobs put artifacts."""

REPORTS_PREFIX = "evaluation"
"""Begins the last part of the place where a Metrics step of a model puts its reports."""

DEFAULT_SECTIONS = {"Processing": "preprocess", "Metrics": "evaluate"}
"""The section of each class whose steps write reports, if `step_type` names no other."""

Producers = dict[str, tuple[Pipeline, Model]]


def producers(project: Project) -> Producers:
    """Map each model package group to the pipeline and the model that register into it."""
    return {
        model_package_group_name(pipeline, model): (pipeline, model)
        for pipeline in project.pipelines
        for model in _registered(pipeline, project)
    }


def _registered(pipeline: Pipeline, project: Project) -> Iterator[Model]:
    for name, section in pipeline.config.models.items():
        model = project.models.get(name)
        if model and any(step.step_class == "RegisterModel" for step in section.steps):
            yield model


def find_source(findings: Findings, step: ApprovedModelStep) -> PackageSource | None:
    """Return what is known of the group that a step looks up; None where that is nothing."""
    known = producers(findings.project)
    group = step.model_package_group or next(iter(_groups_of(step, known)), None)
    if group is None:
        return None
    made = known.get(group)
    found = _made_by(group, *made, findings.project) if made else PackageSource(group)
    return replace(
        found,
        artifacts=(*found.artifacts, *step.artifacts),
        images=step.images,
        reports=(*found.reports, *step.reports),
    )


def check_source(findings: Findings, step: ApprovedModelStep) -> None:
    """Report a model that is not registered in one group, and a group that nothing is known of."""
    known = producers(findings.project)
    if step.model is not None:
        _check_model(findings, step, known)
    elif step.model_package_group not in known and not (
        step.artifacts or step.images or step.reports
    ):
        group = str(step.model_package_group)
        findings.report_step(
            step,
            f"no pipeline of this workspace registers into '{group}', so it is not known what the "
            "jobs have to read",
            "model_package_group",
            allowed=", ".join(known) or None,
            hint=near_names(group, known)
            or "name the places and images of its versions in artifacts, images and reports",
        )


def _check_model(findings: Findings, step: ApprovedModelStep, known: Producers) -> None:
    groups = _groups_of(step, known)
    if len(groups) == 1:
        return
    names = sorted({model.name for _, model in known.values()})
    findings.report_step(
        step,
        f"{'several pipelines register' if groups else 'no pipeline registers'} the model "
        f"'{step.model}'",
        "model",
        allowed=f"model_package_group: {' or '.join(groups)}" if groups else ", ".join(names),
        hint=None if groups else near_names(str(step.model), names),
    )


def _groups_of(step: ApprovedModelStep, known: Producers) -> list[str]:
    """Return the groups that pipelines register a model in."""
    return [group for group, (_, model) in known.items() if model.name == step.model]


def _made_by(group: str, pipeline: Pipeline, model: Model, project: Project) -> PackageSource:
    train, registry = model.config.train, model.config.registry
    bucket = _bucket_of(pipeline)
    artifacts = [f"s3://{bucket}/{MODELS_PREFIX}/{pipeline.config.pipeline_name}/"]
    if train is not None and train.output_path:
        artifacts.append(f"{train.output_path.rstrip('/')}/")
    return PackageSource(
        group,
        artifacts=_known_parts(artifacts),
        reports=_known_parts(
            (*_report_prefixes(pipeline, model), *_named_prefixes(pipeline, model, project))
        ),
        serving=registry.inference_specification if registry else None,
    )


def _bucket_of(pipeline: Pipeline) -> str:
    return pipeline.s3_bucket or SMP_NAMES["SMP_S3BUCKETNAME"]


def _named_prefixes(pipeline: Pipeline, model: Model, project: Project) -> Iterator[str]:
    """Yield where the reports are that a model's registrations name as its quality."""
    for step in pipeline.config.models[model.name].steps:
        if isinstance(step, StepConfig) and "model_statistics" in step.model_metrics.written:
            owner, name = step.model_metrics.written["model_statistics"]
            yield from _prefix_of(pipeline, owner, name, project)


def _prefix_of(pipeline: Pipeline, owner: str, name: str, project: Project) -> Iterator[str]:
    for model_name, section in pipeline.config.models.items():
        model = project.models.get(model_name)
        steps = (step for step in section.steps if isinstance(step, StepConfig))
        step = next((step for step in steps if step.step_name == owner), None)
        if step is None or model is None:
            continue
        job = model.config.section(step.step_type or DEFAULT_SECTIONS.get(step.step_class, ""))
        if isinstance(job, EvaluateSection):
            yield from _report_prefixes(pipeline, model)
        elif isinstance(job, PreprocessSection):
            path = job.reports.get(name, "")
            channel = job.channels.get(channel_of(path), PreprocessChannel())
            bucket = channel.s3_bucket_name or _bucket_of(pipeline)
            prefix = channel.output_bucket_prefix.strip("/")
            yield f"s3://{bucket}/{prefix}/" if prefix else _executions(pipeline)


def _executions(pipeline: Pipeline) -> str:
    return f"s3://{_bucket_of(pipeline)}/{EXECUTIONS_PREFIX}/{pipeline.config.pipeline_name}/"


def _report_prefixes(pipeline: Pipeline, model: Model) -> Iterator[str]:
    """Yield where a model's Metrics steps put their reports."""
    config = model.config
    for section in (config.evaluate, *config.further_sections.values()):
        if isinstance(section, EvaluateSection):
            channel = next(iter(section.channels.values()), EvaluateChannel())
            bucket = channel.s3_bucket_name or _bucket_of(pipeline)
            parts = (bucket, channel.bucket_prefix.strip("/"), model.name, REPORTS_PREFIX)
            yield "s3://" + "/".join(part for part in parts if part)


def _known_parts(prefixes: Iterable[str]) -> tuple[str, ...]:
    """Return prefixes up to the first parameter in each: another pipeline's has no known value."""
    parts = [fixed_part(prefix) for prefix in prefixes]
    return tuple(part for part in parts if "/" in part.removeprefix("s3://"))
