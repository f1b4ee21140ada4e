"""The stack of one pipeline: what its targets share, and each of the targets that it has."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from constructs import Construct

from constructs_lib.job_environment import JobEnvironment
from constructs_lib.pipeline_basis import PipelineBasis
from constructs_lib.sagemaker_pipeline import SageMakerPipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.triggers import AIRFLOW, SAGEMAKER, STEP_FUNCTIONS
from stacks.log_retention import LOG_RETENTION
from stacks.orchestration_settings import ServerlessSettings
from stacks.settings import EnvironmentSettings

if TYPE_CHECKING:
    from constructs_lib.dag import DagHome

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
        dag_home: DagHome | None = None,
        **stack_props: Any,
    ) -> None:
        """`dag_home` is the environment's own Airflow, if it has one."""
        super().__init__(
            scope, construct_id, description=f"SageMaker pipeline {compiled.name}", **stack_props
        )
        self._settings = settings
        if SAGEMAKER in compiled.targets:
            basis = self._add_pipeline(compiled, environment)
        else:
            basis = PipelineBasis(
                Construct(self, "Pipeline"), pipeline=compiled, environment=environment
            )
            basis.add_files()
            basis.write_review_metadata()
        if STEP_FUNCTIONS in compiled.targets:
            self._add_state_machine(basis)
        if AIRFLOW in compiled.targets and isinstance(settings.orchestration, ServerlessSettings):
            self._add_workflow(basis, settings.orchestration)
        elif AIRFLOW in compiled.targets and dag_home is not None:
            self._add_dag(basis, dag_home)
        self._output("Bucket", "Its data, code and results", environment.bucket.bucket_name)

    def _add_pipeline(
        self, compiled: CompiledPipeline, environment: JobEnvironment
    ) -> PipelineBasis:
        pipeline = SageMakerPipeline(
            self,
            "Pipeline",
            pipeline=compiled,
            environment=environment,
            max_inline_characters=self._settings.max_inline_definition_characters,
        )
        self._output("PipelineArn", "The pipeline", pipeline.pipeline_arn)
        self._output("PipelineConsole", "Its page in the console", pipeline.console_url)
        return pipeline.basis

    def _add_state_machine(self, basis: PipelineBasis) -> None:
        from constructs_lib.state_machine import StateMachine, StateMachineLogs

        kept = self._settings.state_machines
        machine = StateMachine(
            self,
            "StateMachine",
            basis=basis,
            max_inline_characters=self._settings.max_inline_definition_characters,
            kept=StateMachineLogs(kept.log_level, LOG_RETENTION[kept.log_days]),
        )
        self._output("StateMachineArn", "Its state machine", machine.arn)
        self._output("StateMachineConsole", "The page of its state machine", machine.console_url)

    def _add_dag(self, basis: PipelineBasis, home: DagHome) -> None:
        from constructs_lib.dag import Dag

        starts = basis.compiled.airflow_mode == "start"
        needs = [self.node.find_child("Pipeline").node.find_child("Resource")] if starts else []
        dag = Dag(self, "Dag", basis=basis, home=home, needs=needs)
        self._output("DagId", "Its DAG", dag.dag_id)

    def _add_workflow(self, basis: PipelineBasis, settings: ServerlessSettings) -> None:
        from constructs_lib.serverless_workflow import ServerlessWorkflow

        workflow = ServerlessWorkflow(
            self,
            "Workflow",
            basis=basis,
            retention=LOG_RETENTION[settings.log_days],
        )
        self._output("WorkflowArn", "Its workflow", workflow.resource.ref)

    def _output(self, name: str, description: str, value: str) -> None:
        cdk.CfnOutput(self, name, description=description, value=value)


def pipeline_stack_id(prefix: str, pipeline_name: str) -> str:
    """Return `<prefix>-Pipeline-<name>`; a name too long for a stack is cut and ends in its hash."""
    name = f"{prefix}-Pipeline-{pipeline_name}"
    if len(name) <= MAX_STACK_NAME:
        return name
    digest = hashlib.sha256(pipeline_name.encode()).hexdigest()[:12]
    return f"{name[: MAX_STACK_NAME - 13].rstrip('-')}-{digest}"
