"""Renders Processing steps, and any other job that runs one script over files."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from sagemaker.core.network import NetworkConfig
from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.steps import ProcessingStep

from smp.compiler.steps.context import StepContext, sdk_tags, sdk_view
from smp.compiler.steps.images import section_image
from smp.compiler.steps.manifest import add_manifest
from smp.compiler.steps.spark import submit_command, submitted_inputs
from smp.config.sections.jobs import EvaluateSection, PreprocessSection
from smp.config.values.channels import PreprocessChannel
from smp.definition.compiled import CodeTree
from smp.graph.nodes import REPORT_OUTPUT, StepNode
from smp.graph.step_classes.inputs import CODE_INPUT, MANIFEST_FROM, MANIFEST_INPUT

CODE_DIRECTORY = "/opt/ml/processing/input/code"
INPUT_DIRECTORY = "/opt/ml/processing/input"


def render_processing(context: StepContext, node: StepNode) -> list[Any]:
    """Render a Processing step: each channel of `preprocess` is an input and an output."""
    written = node.section
    assert isinstance(written, PreprocessSection)
    section = sdk_view(written)
    inputs = _static_inputs(context, node, section, written)
    for chain in node.chained:
        name = f"{chain.label}-input-{chain.channel}"
        inputs.append(
            file_input(name, context.uri_of(node, chain), f"{INPUT_DIRECTORY}/{name}", section)
        )
    outputs = [
        _output(context, node, section, name, channel)
        for name, channel in (section.channels or {"train": PreprocessChannel()}).items()
    ]
    inputs += submitted_inputs(context, node, section)
    properties = [PropertyFile(name, *place) for name, place in report_files(section).items()]
    return [script_step(context, node, section, inputs, outputs, properties)]


def report_files(section: PreprocessSection | EvaluateSection) -> dict[str, tuple[str, str]]:
    """Return the output that each report of a job is in, and its path there."""
    if isinstance(section, EvaluateSection):
        return {name: (REPORT_OUTPUT, path) for name, path in section.reports.items()}
    parts = {name: path.partition("/") for name, path in section.reports.items()}
    return {name: (channel, path) for name, (channel, _, path) in parts.items()}


def _static_inputs(
    context: StepContext, node: StepNode, section: PreprocessSection, written: PreprocessSection
) -> list[ProcessingInput]:
    files = [
        (channel, file) for channel in section.channels.values() for file in channel.data_files
    ]
    if len(files) < MANIFEST_FROM:
        return [
            file_input(
                str(file.source_name),
                channel.uri_of(file),
                f"{INPUT_DIRECTORY}/{file.source_name}",
                section,
            )
            for channel, file in files
        ]
    uris = [
        channel.uri_of(file) for channel in written.channels.values() for file in channel.data_files
    ]
    manifest = file_input(
        MANIFEST_INPUT,
        add_manifest(context, uris, f"inputs of {node.name}"),
        f"{INPUT_DIRECTORY}/{MANIFEST_INPUT}",
        section,
    )
    manifest.s3_input.s3_data_type = "ManifestFile"
    return [manifest]


def file_input(
    name: str, uri: Any, local_path: str, section: PreprocessSection | EvaluateSection
) -> ProcessingInput:
    return ProcessingInput(
        input_name=name,
        s3_input=ProcessingS3Input(
            s3_uri=uri,
            local_path=local_path,
            s3_data_type=section.s3_data_type if isinstance(uri, str) else "S3Prefix",
            s3_input_mode=section.s3_input_mode,
            s3_data_distribution_type=section.s3_data_distribution_type,
        ),
    )


def _output(
    context: StepContext,
    node: StepNode,
    section: PreprocessSection,
    name: str,
    channel: PreprocessChannel,
) -> ProcessingOutput:
    base = None
    if channel.output_bucket_prefix:
        bucket = channel.s3_bucket_name or context.bucket
        base = f"s3://{bucket}/{channel.output_bucket_prefix.strip('/')}"
    return ProcessingOutput(
        output_name=name,
        s3_output=ProcessingS3Output(
            s3_uri=context.execution_uri(node, name, base),
            local_path=f"{section.location.output_local_filepath.rstrip('/')}/{name}",
            s3_upload_mode=section.s3_upload_mode,
        ),
    )


def script_step(
    context: StepContext,
    node: StepNode,
    section: PreprocessSection | EvaluateSection,
    inputs: list[ProcessingInput],
    outputs: list[ProcessingOutput],
    property_files: list[PropertyFile],
) -> ProcessingStep:
    tree = context.code_tree(node)
    processor = _processor(context, node, section, _command(section, tree))
    arguments = [section.entry_point, *section.arguments] if section.arguments else None
    return ProcessingStep(
        name=node.emitted[0],
        step_args=processor.run(
            inputs=[*inputs, _code_input(context, tree)], outputs=outputs, arguments=arguments
        ),
        cache_config=context.cache_config(node),
        property_files=property_files or None,
        depends_on=context.waits_for(node) or None,
    )


def _command(section: PreprocessSection | EvaluateSection, tree: CodeTree) -> str:
    if isinstance(section, PreprocessSection) and section.is_spark:
        command = submit_command(section, _has_requirements(tree))
    else:
        command = launch_command(section.entry_point, tree)
    return f'{command} "$@"' if section.arguments else command


def _code_input(context: StepContext, tree: CodeTree) -> ProcessingInput:
    return ProcessingInput(
        input_name=CODE_INPUT,
        s3_input=ProcessingS3Input(
            s3_uri=context.session.add_tree(tree),
            local_path=CODE_DIRECTORY,
            s3_data_type="S3Prefix",
            s3_input_mode="File",
            s3_data_distribution_type="FullyReplicated",
        ),
    )


def _processor(
    context: StepContext,
    node: StepNode,
    section: PreprocessSection | EvaluateSection,
    command: str,
) -> Processor:
    return Processor(
        role=context.role,
        image_uri=section_image(context, section),
        entrypoint=["/bin/bash", "-c", command],
        instance_count=section.instance_count,
        instance_type=section.instance_type,
        volume_size_in_gb=section.volume_size_in_gb,
        volume_kms_key=context.volume_key(section.instance_type),
        output_kms_key=context.kms_key,
        max_runtime_in_seconds=section.max_runtime_seconds,
        base_job_name=section.base_job_name or node.name,
        sagemaker_session=context.session,
        env=dict(section.env) or None,
        tags=sdk_tags(section.tags),
        network_config=NetworkConfig(
            enable_network_isolation=section.network_isolation,
            security_group_ids=context.security_groups,
            subnets=context.subnets,
            encrypt_inter_container_traffic=True,
        ),
    )


def launch_command(entry_point: str, tree: CodeTree) -> str:
    """Return the command that runs a script as a module from the root of its source directory."""
    module = ".".join(PurePosixPath(entry_point).with_suffix("").parts)
    commands = [f"cd {CODE_DIRECTORY}"]
    if _has_requirements(tree):
        commands.append("python3 -m pip install -r requirements.txt")
    return " && ".join([*commands, f"exec python3 -m {module}"])


def _has_requirements(tree: CodeTree) -> bool:
    return any(file.path == "requirements.txt" for file in tree.files)
