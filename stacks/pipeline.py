"""The stack of one SageMaker pipeline."""

from __future__ import annotations

import hashlib
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from constructs_lib.job_environment import JobEnvironment
from constructs_lib.sagemaker_pipeline import SageMakerPipeline
from smp.compiler.compiled import CompiledPipeline
from stacks.settings import EnvironmentSettings

MAX_STACK_NAME = 128


class PipelineStack(cdk.Stack):
    """One pipeline and what only it uses; deleting it leaves its data and registered models."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        compiled: CompiledPipeline,
        environment: JobEnvironment,
        settings: EnvironmentSettings,
        **stack_props: Any,
    ) -> None:
        super().__init__(
            scope, construct_id, description=f"SageMaker pipeline {compiled.name}", **stack_props
        )
        pipeline = SageMakerPipeline(
            self,
            "Pipeline",
            pipeline=compiled,
            environment=environment,
            max_inline_characters=settings.max_inline_definition_characters,
        )
        self._output("PipelineArn", "The pipeline", pipeline.pipeline_arn)
        self._output("PipelineConsole", "Its page in the console", pipeline.console_url)
        self._output("Bucket", "Its data, code and results", environment.bucket.bucket_name)

    def _output(self, name: str, description: str, value: str) -> None:
        cdk.CfnOutput(self, name, description=description, value=value)


def pipeline_stack_id(prefix: str, pipeline_name: str) -> str:
    """Return `<prefix>-Pipeline-<name>`; a name too long for a stack is cut and ends in its hash."""
    name = f"{prefix}-Pipeline-{pipeline_name}"
    if len(name) <= MAX_STACK_NAME:
        return name
    digest = hashlib.sha256(pipeline_name.encode()).hexdigest()[:12]
    return f"{name[: MAX_STACK_NAME - 13].rstrip('-')}-{digest}"
