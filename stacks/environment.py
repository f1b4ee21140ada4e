"""The CDK app of one environment: its stacks, in the order in which they are deployed, and their tags.

It never checks a template: `stacks.policy_checks` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import aws_cdk as cdk

from smp.compiler.compiled import CompiledPipeline
from stacks.foundation import Foundation
from stacks.pipeline import PipelineStack, pipeline_stack_id
from stacks.settings import Deployment

NO_TRACES = {"aws:cdk:disable-creation-stack-traces": True}
"""Traces name temporary directories: with them no two syntheses would be equal."""


class Environment:
    """`<prefix>-Foundation`, and `<prefix>-Pipeline-<name>` for each pipeline."""

    def __init__(
        self, deployment: Deployment, *, context: Mapping[str, object], directory: Path
    ) -> None:
        self.app = cdk.App(
            context={**context, **NO_TRACES},
            outdir=str(directory),
            analytics_reporting=False,
            stack_traces=False,
        )
        self._deployment = deployment
        self._settings = deployment.environment
        self._place = cdk.Environment(account=self._settings.account, region=self._settings.region)
        for key, value in self._settings.tags.items():
            cdk.Tags.of(self.app).add(key, value)
        self.foundation = Foundation(
            self.app,
            f"{deployment.stack_prefix}-Foundation",
            settings=self._settings,
            env=self._place,
        )

    def add_pipelines(self, pipelines: Iterable[CompiledPipeline]) -> None:
        """Add one stack for each pipeline, to be deployed after the foundation."""
        for pipeline in pipelines:
            stack = PipelineStack(
                self.app,
                pipeline_stack_id(self._deployment.stack_prefix, pipeline.name),
                compiled=pipeline,
                environment=self.foundation.job_environment,
                settings=self._settings,
                env=self._place,
            )
            stack.add_stack_dependency(self.foundation)
