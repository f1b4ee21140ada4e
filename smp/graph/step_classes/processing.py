"""Processing: a script over data, with one output a channel."""

from __future__ import annotations

from smp.config.sections.jobs import DEFAULT_CHANNEL, PreprocessSection
from smp.config.steps.section_step import StepConfig
from smp.graph.findings import DeclaredStep, Findings, Outputs
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.inputs import (
    CODE_INPUT,
    MANIFEST_FROM,
    MANIFEST_INPUT,
    MAX_PROCESSING_INPUTS,
    SPARK_INPUT,
    SPARK_INPUTS,
    check_manifest,
    check_names,
)


def _outputs(step: DeclaredStep) -> Outputs:
    section = step.section
    names = section.outputs if isinstance(section, PreprocessSection) else (DEFAULT_CHANNEL,)
    return tuple((name, name) for name in names)


def _check(findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]) -> Implied:
    section = step.section
    if not isinstance(section, PreprocessSection):
        return {}
    files = [
        str(file.source_name)
        for channel in section.channels.values()
        for file in channel.data_files
    ]
    static = files if len(files) < MANIFEST_FROM else [MANIFEST_INPUT]
    if len(files) >= MANIFEST_FROM:
        check_manifest(findings, step, section.channels.values(), "its static inputs")
        if section.s3_data_type == "ManifestFile":
            findings.report_step(
                step.config,
                f"its {len(files)} static inputs are manifests themselves and cannot be joined",
                allowed=f"fewer than {MANIFEST_FROM} inputs with s3_data_type: ManifestFile",
            )
    names = [*static, *(f"{chain.source}-input-{chain.channel}" for chain in chained), CODE_INPUT]
    if section.spark is not None:
        names += [SPARK_INPUTS[key] for key in section.spark.shipped]
        names += [SPARK_INPUT] if section.spark.properties else []
    check_names(findings, step, names, MAX_PROCESSING_INPUTS, "input")
    if len(section.channels) > MAX_PROCESSING_INPUTS:
        findings.report_step(
            step.config,
            f"it has {len(section.channels)} outputs, one a channel",
            allowed=str(MAX_PROCESSING_INPUTS),
        )
    return {}


PROCESSING = StepClass(
    config=StepConfig,
    renderer="processing.render_processing",
    becomes="Processing",
    section="preprocess",
    check=_check,
    outputs=_outputs,
    cacheable=True,
    retries="job",
    script="preprocess",
)
