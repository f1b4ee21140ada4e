"""Renders NotebookJob steps: training jobs whose program runs a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from sagemaker.mlops.workflow.steps import StepTypeEnum

from smp.compiler.steps.context import StepContext, sdk_tags, sdk_view
from smp.compiler.steps.request_step import RequestStep
from smp.compiler.steps.values import text_of
from smp.config.steps.notebook_job import NotebookJobStep
from smp.definition.compiled import CodeTree, Json
from smp.definition.deploy_values import REGION
from smp.definition.notebook_jobs import ENTRY_POINT
from smp.errors import Problem, ScriptError
from smp.graph.nodes import StepNode
from smp.graph.step_classes.notebook_job import CHANNEL, notebook_channel
from smp.text.messages import dotted

OUTPUT = "notebook"
CHANNELS = "/opt/ml/input/data"


def render_notebook_job(context: StepContext, node: StepNode) -> list[Any]:
    """Render a NotebookJob step; the notebook with its output is below a prefix for each execution."""
    config = node.config
    assert isinstance(config, NotebookJobStep)
    request = _request(context, node, sdk_view(config))
    return [
        RequestStep(
            node.name,
            StepTypeEnum.TRAINING,
            request,
            context.waits_for(node),
            described_by="DescribeTrainingJobResponse",
        )
    ]


def _request(context: StepContext, node: StepNode, config: NotebookJobStep) -> Json:
    channels = {CHANNEL: context.session.add_tree(_files(context, node, config))}
    channels |= {notebook_channel(chain): context.uri_of(node, chain) for chain in node.chained}
    volume_key = context.volume_key(config.instance_type)
    request: Json = {
        "RoleArn": context.role,
        "RetryStrategy": {"MaximumRetryAttempts": config.max_retry_attempts},
        "StoppingCondition": {"MaxRuntimeInSeconds": config.max_runtime_seconds},
        "EnableInterContainerTrafficEncryption": True,
        "AlgorithmSpecification": {
            "TrainingImage": config.image_uri,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": [ENTRY_POINT],
        },
        "InputDataConfig": [_channel(name, uri) for name, uri in channels.items()],
        "OutputDataConfig": {
            "S3OutputPath": context.execution_uri(node, OUTPUT),
            "KmsKeyId": context.kms_key,
        },
        "ResourceConfig": {
            "VolumeSizeInGB": config.volume_size_in_gb,
            "InstanceCount": 1,
            "InstanceType": config.instance_type,
            **({"VolumeKmsKeyId": volume_key} if volume_key else {}),
        },
        "VpcConfig": {"SecurityGroupIds": context.security_groups, "Subnets": context.subnets},
        "Environment": _environment(node, config),
        "Tags": [*(sdk_tags(config.tags) or []), *_studio_tags(node, config)],
    }
    if config.parameters:
        request["HyperParameters"] = {
            name: text_of(context, node, value) if value else value
            for name, value in config.parameters.items()
        }
    return request


def _channel(name: str, uri: Any) -> Json:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": uri,
        "S3DataDistributionType": "FullyReplicated",
    }
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}}


def _environment(node: StepNode, config: NotebookJobStep) -> dict[str, str]:
    """Return the variables with the notebook and how to run it: those that the SDK's own step sets."""
    script = config.initialization_script
    return {
        **config.env,
        "AWS_DEFAULT_REGION": REGION,
        "SM_JOB_DEF_VERSION": "1.0",
        "SM_ENV_NAME": "sagemaker-default-env",
        "SM_SKIP_EFS_SIMULATION": "true",
        "SM_EXECUTION_INPUT_PATH": f"{CHANNELS}/{CHANNEL}",
        "SM_KERNEL_NAME": config.kernel_name,
        "SM_INPUT_NOTEBOOK_NAME": _name(config.input_notebook),
        "SM_OUTPUT_NOTEBOOK_NAME": f"{node.name}.ipynb",
        **({"SM_INIT_SCRIPT": _name(script)} if script else {}),
    }


def _studio_tags(node: StepNode, config: NotebookJobStep) -> list[dict[str, str]]:
    """Return the tags by which Studio knows a notebook job of a pipeline."""
    tags = {
        "sagemaker:name": node.name,
        "sagemaker:notebook-name": _name(config.input_notebook),
        "sagemaker:notebook-job-origin": "PIPELINE_STEP",
        "sagemaker:is-studio-archived": "false",
    }
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _files(context: StepContext, node: StepNode, config: NotebookJobStep) -> CodeTree:
    """Pack the notebook and its further files: each under its own name, a directory with its content."""
    shipped = context.code_tree(node)
    place = context.store.path_of(shipped)
    contents: dict[str, bytes] = {}
    problems = []
    for where, path in config.named_files():
        found = _below(path, [file.path for file in shipped.files])
        if not found:
            reason = f"'{path}', its {dotted(where)}, is left out of the model's files"
            problem = Problem(reason, hint="see .smpignore")
            problems.append(context.graph.at_step(node, problem))
        contents |= {name: (place / file).read_bytes() for name, file in found.items()}
    if problems:
        raise ScriptError(problems)
    return context.store.add_files(contents, f"notebook of {node.copy_of or node.name}")


def _below(path: str, files: list[str]) -> Mapping[str, str]:
    """Return the file of a path, or the files of a directory, by its path relative to the notebook."""
    base = f"{path.rpartition('/')[0]}/" if "/" in path else ""
    return {
        file.removeprefix(base): file
        for file in files
        if file == path or file.startswith(f"{path}/")
    }


def _name(path: str) -> str:
    return PurePosixPath(path).name
