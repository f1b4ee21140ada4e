"""The stacks of one environment, in the order in which they are deployed, and their tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import aws_cdk as cdk

from smp.definition.compiled import CompiledPipeline
from smp.definition.stack_names import foundation_name, orchestration_name
from smp.definition.triggers import AIRFLOW, STEP_FUNCTIONS
from stacks.foundation import Foundation
from stacks.orchestration_settings import ServerlessSettings
from stacks.pipeline import PipelineStack, pipeline_stack_id
from stacks.settings import Deployment

if TYPE_CHECKING:
    from stacks.orchestration import Orchestration

NO_TRACES = {"aws:cdk:disable-creation-stack-traces": True}
"""Traces name temporary directories: with them no two syntheses would be equal."""


def new_app(context: Mapping[str, object], directory: Path) -> cdk.App:
    """Return an app that writes its assembly to a directory.

    Its templates are validated by `stacks.policy_checks`, and not by the CDK a second time.
    """
    return cdk.App(
        context={**context, **NO_TRACES},
        outdir=str(directory),
        analytics_reporting=False,
        builtin_cloud_formation_validation=False,
        stack_traces=False,
    )


BELOW_OWN_TAGS = 40
"""A resource's own tags have priority 50 in the CDK: a tag of the environment does not replace them."""


class Environment:
    """`<prefix>-Foundation`, and `<prefix>-Pipeline-<name>` for each pipeline.

    Between them `<prefix>-Orchestration`, if the settings ask for the environment's own Airflow.
    The scope is an app, or the stage of a delivery: stacks and templates are the same in both.
    """

    def __init__(self, scope: cdk.App | cdk.Stage, deployment: Deployment) -> None:
        self._scope = scope
        self._deployment = deployment
        self._settings = deployment.environment
        self._place = cdk.Environment(account=self._settings.account, region=self._settings.region)
        for key, value in self._settings.tags.items():
            cdk.Tags.of(scope).add(key, value, priority=BELOW_OWN_TAGS)
        name = foundation_name(deployment.name)
        self.foundation = Foundation(
            scope, name, stack_name=name, settings=self._settings, env=self._place
        )

    def add_pipelines(self, pipelines: Iterable[CompiledPipeline]) -> None:
        """Add one stack for each pipeline, to be deployed after the foundation."""
        pipelines = list(pipelines)
        self.foundation.serve_triggers(t for pipeline in pipelines for t in pipeline.triggers)
        if any(STEP_FUNCTIONS in pipeline.targets for pipeline in pipelines):
            self.foundation.serve_state_machines()
        orchestration = self._add_orchestration()
        for pipeline in pipelines:
            name = pipeline_stack_id(self._deployment.stack_prefix, pipeline.name)
            stack = PipelineStack(
                self._scope,
                name,
                stack_name=name,
                compiled=pipeline,
                environment=self.foundation.job_environment,
                settings=self._settings,
                dag_home=orchestration.dag_home if orchestration else None,
                env=self._place,
            )
            stack.add_stack_dependency(self.foundation)
            if orchestration and AIRFLOW in pipeline.targets:
                stack.add_stack_dependency(orchestration)

    def _add_orchestration(self) -> Orchestration | None:
        """Add Airflow if the settings ask for it, even without a pipeline."""
        airflow = self._settings.orchestration
        if airflow is None or isinstance(airflow, ServerlessSettings):
            return None
        from stacks.orchestration import Orchestration

        name = orchestration_name(self._deployment.name)
        stack = Orchestration(
            self._scope,
            name,
            stack_name=name,
            airflow_name=f"{self._deployment.stack_prefix}-Airflow",
            airflow=airflow,
            settings=self._settings,
            environment=self.foundation.job_environment,
            place=self.foundation.place_for(airflow),
            env=self._place,
        )
        stack.add_stack_dependency(self.foundation)
        return stack
