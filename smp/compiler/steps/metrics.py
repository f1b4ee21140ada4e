"""Renders Metrics steps: a script whose report conditions and registrations read."""

from __future__ import annotations

from typing import Any

from sagemaker.core.shapes import ProcessingOutput, ProcessingS3Output
from sagemaker.core.workflow.properties import PropertyFile

from smp.compiler.steps.context import StepContext, sdk_view
from smp.compiler.steps.processing import file_input, report_files, script_step
from smp.config.sections.jobs import EvaluateSection
from smp.config.values.channels import EvaluateChannel
from smp.config.values.reports import EVALUATION_REPORT
from smp.graph.nodes import REPORT_OUTPUT, StepNode


def render_metrics(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Metrics step: the report is a property file and kept below each execution."""
    assert isinstance(node.section, EvaluateSection)
    section = sdk_view(node.section)
    channel = next(iter(section.channels.values()), EvaluateChannel())
    base = channel.input_local_filepath.rstrip("/")
    inputs = [
        file_input(
            str(file.source_name), channel.uri_of(file), f"{base}/{file.source_name}", section
        )
        for file in channel.data_files
    ]
    for chain in node.chained:
        place = f"{base}/{chain.label}-{chain.channel}"
        inputs.append(
            file_input(f"{chain.label}-input", context.uri_of(node, chain), place, section)
        )
    bucket = channel.s3_bucket_name or context.bucket
    parts = (
        bucket,
        channel.bucket_prefix.strip("/"),
        node.model.name,
        _report_place(context, node),
    )
    report = ProcessingOutput(
        output_name=REPORT_OUTPUT,
        s3_output=ProcessingS3Output(
            s3_uri=context.per_execution("s3://" + "/".join(part for part in parts if part), node),
            local_path=channel.output_local_filepath,
            s3_upload_mode="EndOfJob",
        ),
    )
    properties = [
        PropertyFile(EVALUATION_REPORT, REPORT_OUTPUT, f"{REPORT_OUTPUT}.json"),
        *(PropertyFile(name, *place) for name, place in report_files(section).items()),
    ]
    return [script_step(context, node, section, inputs, [report], properties)]


def _report_place(context: StepContext, node: StepNode) -> str:
    """Return the prefix of a model's report; each further Metrics step of the model has its own."""
    steps = (item for item in context.graph.steps if item.model is node.model)
    first = next(item for item in steps if item.step_class == "Metrics")
    own = node.copy_of or node.name
    return "evaluation" if own == (first.copy_of or first.name) else f"evaluation-{own}"
