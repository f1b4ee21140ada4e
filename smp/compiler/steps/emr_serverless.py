"""Renders EMRServerless steps: jobs of Spark and Hive, in an application that is there or made for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sagemaker.mlops.workflow import emr_serverless_step as sdk

from smp.compiler.expressions import number_of
from smp.compiler.steps.context import StepContext
from smp.compiler.steps.values import text_of
from smp.config.steps.emr_serverless import (
    Application,
    EMRServerlessStep,
    HiveJob,
    SparkJob,
    Workers,
)
from smp.definition.compiled import CodeTree, Json
from smp.definition.deploy_values import ACCOUNT_ID, KMS_KEY_ARN, PARTITION
from smp.definition.expressions import Reference
from smp.definition.permissions.statement import regional_arn
from smp.errors import Problem, ScriptError
from smp.graph.nodes import StepNode
from smp.text.messages import dotted

MAX_APPLICATION_NAME = 64
MAX_JOB_NAME = 256
"""CreateApplication's and StartJobRun's limits on a name (botocore 1.44.5)."""

SPARK_FILES = {"py_files": "py-files", "jars": "jars", "files": "files"}
"""The option of spark-submit for each key."""


def render_emr_serverless(context: StepContext, node: StepNode) -> list[Any]:
    """Render an EMRServerless step; its files are in the bucket, as those of all jobs."""
    config = node.config
    assert isinstance(config, EMRServerlessStep)
    return [
        sdk.EMRServerlessStep(
            name=node.name,
            display_name=None,
            description=None,
            job_config=sdk.EMRServerlessJobConfig(
                job_driver=_driver(context, node, config),
                execution_role_arn=_role(config),
                configuration_overrides=_overrides(context, node, config) or None,
                execution_timeout_minutes=_number(config.execution_timeout_minutes),
                name=f"{context.graph.name}-{node.name}"[:MAX_JOB_NAME],
                tags=_tags(config),
            ),
            application_id=config.application_id,
            application_config=(
                _application(context, node, config, config.application)
                if config.application
                else None
            ),
            depends_on=context.waits_for(node) or None,
            cache_config=context.cache_config(node),
        )
    ]


def _role(config: EMRServerlessStep) -> str:
    written = config.execution_role
    if written.startswith("arn:"):
        return written
    return f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/{written}"


def _number(value: int | Reference) -> int | float:
    return number_of(value) if isinstance(value, Reference) else value


def _tags(config: EMRServerlessStep) -> dict[str, str] | None:
    return {tag.key: tag.value for tag in config.tags} or None


def _driver(context: StepContext, node: StepNode, config: EMRServerlessStep) -> Json:
    tree = context.code_tree(node)
    _refuse_left_out(context, node, config, tree)
    root = context.session.add_tree(tree)
    if config.hive is not None:
        return {"hive": _hive(config.hive, root)}
    assert config.spark is not None
    return {"sparkSubmit": _spark(context, node, config.spark, root)}


def _refuse_left_out(
    context: StepContext, node: StepNode, config: EMRServerlessStep, tree: CodeTree
) -> None:
    packed = {file.path for file in tree.files}
    problems = [
        context.graph.at_step(
            node,
            Problem(
                f"'{name}', its {dotted(place)}, is left out of the model's files",
                hint="see .smpignore",
            ),
        )
        for place, name in config.named_files()
        if name not in packed
    ]
    if problems:
        raise ScriptError(problems)


def _spark(context: StepContext, node: StepNode, job: SparkJob, root: str) -> Json:
    options = [f"--class {job.main_class}"] if job.main_class else []
    for key, option in SPARK_FILES.items():
        names = getattr(job, key)
        if names:
            options.append(f"--{option} {','.join(f'{root}/{name}' for name in names)}")
    submit: Json = {"entryPoint": f"{root}/{job.entry_point}"}
    if job.arguments:
        submit["entryPointArguments"] = [text_of(context, node, text) for text in job.arguments]
    if options:
        submit["sparkSubmitParameters"] = " ".join(options)
    return submit


def _hive(job: HiveJob, root: str) -> Json:
    query = {"query": f"{root}/{job.query}"}
    return query | ({"initQueryFile": f"{root}/{job.init_query}"} if job.init_query else {})


def _overrides(context: StepContext, node: StepNode, config: EMRServerlessStep) -> Json:
    overrides: Json = {}
    for job, classification in ((config.spark, "spark-defaults"), (config.hive, "hive-site")):
        if job is not None and job.properties:
            properties = _properties(context, node, job.properties)
            overrides["applicationConfiguration"] = [
                {"classification": classification, "properties": properties}
            ]
    if config.log_uri is not None:
        overrides["monitoringConfiguration"] = {
            "s3MonitoringConfiguration": {
                "logUri": config.log_uri,
                "encryptionKeyArn": config.log_kms_key or _pipeline_key(context),
            }
        }
    return overrides


def _properties(context: StepContext, node: StepNode, written: Mapping[str, str]) -> Json:
    return {name: text_of(context, node, text) for name, text in sorted(written.items())}


def _pipeline_key(context: StepContext) -> str:
    """Return the ARN of the pipeline's key: EMR Serverless accepts no other form."""
    key = context.network.kms_key or KMS_KEY_ARN
    if key == KMS_KEY_ARN or key.startswith("arn:"):
        return key
    return regional_arn("kms", key if key.startswith("key/") else f"key/{key}")


def _application(
    context: StepContext, node: StepNode, config: EMRServerlessStep, written: Application
) -> Json:
    """Return the application; it is in the pipeline's network, as all jobs are."""
    request: Json = {
        "name": f"{context.graph.name}-{node.name}"[:MAX_APPLICATION_NAME],
        "type": "HIVE" if config.hive is not None else "SPARK",
        "releaseLabel": written.release_label,
        "architecture": written.architecture,
        "networkConfiguration": {
            "subnetIds": context.subnets,
            "securityGroupIds": context.security_groups,
        },
    }
    if written.image_uri is not None:
        request["imageConfiguration"] = {"imageUri": written.image_uri}
    if written.initial_capacity:
        request["initialCapacity"] = {
            kind: _workers(workers) for kind, workers in sorted(written.initial_capacity.items())
        }
    if written.maximum_capacity is not None:
        request["maximumCapacity"] = written.maximum_capacity.model_dump(exclude_none=True)
    tags = _tags(config)
    return request | ({"tags": tags} if tags else {})


def _workers(workers: Workers) -> Json:
    each = workers.model_dump(exclude_none=True, exclude={"worker_count"})
    return {"workerCount": workers.worker_count, "workerConfiguration": each}
