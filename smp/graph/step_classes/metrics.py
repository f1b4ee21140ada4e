"""Metrics: a script that evaluates a model, or its predictions, and writes the report."""

from __future__ import annotations

from smp.config.sections.jobs import EvaluateSection
from smp.config.steps.section_step import StepConfig
from smp.graph.channels import evaluate_channel
from smp.graph.findings import DeclaredStep, Findings, Outputs
from smp.graph.nodes import REPORT_OUTPUT, ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.inputs import CODE_INPUT, MAX_PROCESSING_INPUTS, check_names


def _outputs(step: DeclaredStep) -> Outputs:
    return ((REPORT_OUTPUT, evaluate_channel(step)),)


def _check(findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]) -> Implied:
    section = step.section
    if not isinstance(section, EvaluateSection):
        return {}
    files = [
        str(file.source_name)
        for channel in section.channels.values()
        for file in channel.data_files
    ]
    if not files and not chained and not findings.steps_of(step.model, "Transform"):
        findings.report_step(
            step.config,
            "it evaluates a model or its predictions, and reads nothing",
            allowed="a Training, Tuning or Transform step in chain_input_source_step, or dataFiles in "
            f"conf.models.{step.model.name}.{step.section_name}.channels",
        )
    names = [*files, *(f"{chain.source}-input" for chain in chained), CODE_INPUT]
    check_names(findings, step, names, MAX_PROCESSING_INPUTS, "input")
    return {}


METRICS = StepClass(
    config=StepConfig,
    renderer="metrics.render_metrics",
    becomes="Processing",
    section="evaluate",
    check=_check,
    outputs=_outputs,
    retries="job",
    reads_channel=evaluate_channel,
    cacheable=True,
    script="evaluate",
)
