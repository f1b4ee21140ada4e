"""What every SageMaker pipeline offers to other stacks, created or imported: grants, metrics, events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk.interfaces import aws_sagemaker as interfaces
from constructs import Construct

from constructs_lib.bootstrap import partition_of
from constructs_lib.pipeline_arn import PipelineIdentity, identity_from_arn, identity_from_name
from constructs_lib.pipeline_events import (
    EXECUTION_STATUS_CHANGE,
    STEP_STATUS_CHANGE,
    EventOptions,
    add_rule,
    event_condition,
    warn_about_another_bus,
)
from constructs_lib.pipeline_metrics import (
    PIPELINE_NAME,
    STEP_NAME,
    MetricOptions,
    pipeline_metric,
)
from smp.definition.console import console_page

if TYPE_CHECKING:
    # Only who asks for a metric or a rule pays for loading these modules.
    from aws_cdk import aws_cloudwatch as cloudwatch
    from aws_cdk import aws_events as events

READ_PIPELINE = (
    "sagemaker:DescribePipeline",
    "sagemaker:ListPipelineExecutions",
    "sagemaker:ListPipelineVersions",
)
READ_EXECUTIONS = (
    "sagemaker:DescribePipelineDefinitionForExecution",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineParametersForExecution",
)
ANSWER_CALLBACKS = (
    "sagemaker:SendPipelineExecutionStepFailure",
    "sagemaker:SendPipelineExecutionStepSuccess",
)


@jsii.implements(sagemaker.IPipeline)
class ISageMakerPipeline(cdk.Resource):
    """A SageMaker pipeline: one of this app (`SageMakerPipeline`) or an imported one.

    It is also an `aws_cdk.aws_sagemaker.IPipeline`, so the CDK's own constructs accept it, such as
    `aws_scheduler_targets.SageMakerStartPipelineExecution`.
    """

    _identity: PipelineIdentity

    @property
    def pipeline_arn(self) -> str:
        """The ARN, with the name in lower case as the service writes it."""
        return self._identity.arn

    @property
    def pipeline_name(self) -> str:
        """The name as it was created, which is the dimension of its metrics."""
        return self._identity.name

    @property
    def pipeline_ref(self) -> interfaces.PipelineReference:
        """The reference by which the CDK's L1 constructs accept a pipeline."""
        return interfaces.PipelineReference(pipeline_name=self._identity.name)

    @property
    def console_url(self) -> str:
        """The page in the console of its region, from which Studio opens with the pipeline in it."""
        region = self.env.region
        page = f"sagemaker/home?region={region}#/pipelines/{self._identity.name}"
        return console_page(partition_of(region), region, page)

    def grant(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        """Allow actions on the pipeline itself: those with resource type `pipeline` in IAM."""
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=list(actions), resource_arns=self._identity.arns()
        )

    def grant_execution(self, grantee: iam.IGrantable, *actions: str) -> iam.Grant:
        """Allow actions on all executions: those with resource type `pipeline-execution` in IAM."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(actions),
            resource_arns=[f"{arn}/execution/*" for arn in self._identity.arns()],
        )

    def grant_start_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to start executions. The jobs run with the pipeline's own roles: no PassRole is needed."""
        return self.grant(grantee, "sagemaker:StartPipelineExecution")

    def grant_start_pipeline_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """`grant_start_execution`, by the name that `aws_sagemaker.IPipeline` gives it."""
        return self.grant_start_execution(grantee)

    def grant_stop_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to stop executions."""
        return self.grant_execution(grantee, "sagemaker:StopPipelineExecution")

    def grant_retry_execution(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to run the failed steps of an execution again."""
        return self.grant_execution(grantee, "sagemaker:RetryPipelineExecution")

    def grant_callback_response(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to answer Callback steps with success or failure."""
        return self.grant_execution(grantee, *ANSWER_CALLBACKS)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow to describe the pipeline, its executions and their steps, and to list them.

        Listing all pipelines of an account (ListPipelines) has no resource in IAM and is left out.
        """
        read = self.grant(grantee, *READ_PIPELINE)
        return read.combine(self.grant_execution(grantee, *READ_EXECUTIONS))

    def metric(self, metric_name: str, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return a metric of the executions, such as `ExecutionStarted`: a sum unless options differ."""
        return self._metric(metric_name, "Sum", options)

    def metric_executions_started(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of executions that started."""
        return self._metric("ExecutionStarted", "Sum", options)

    def metric_executions_failed(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of executions that failed."""
        return self._metric("ExecutionFailed", "Sum", options)

    def metric_executions_succeeded(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of executions that succeeded."""
        return self._metric("ExecutionSucceeded", "Sum", options)

    def metric_executions_stopped(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return the number of executions that were stopped."""
        return self._metric("ExecutionStopped", "Sum", options)

    def metric_execution_duration(self, **options: Unpack[MetricOptions]) -> cloudwatch.Metric:
        """Return how long executions ran, in milliseconds: the average unless options differ."""
        return self._metric("ExecutionDuration", "Average", options)

    def metric_step(
        self, metric_name: str, step_name: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Return a metric of one step, such as `StepFailed`: a sum unless options differ."""
        return self._metric(metric_name, "Sum", options, step_name)

    def metric_step_failed(
        self, step_name: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Return how often one step failed."""
        return self._metric("StepFailed", "Sum", options, step_name)

    def metric_step_duration(
        self, step_name: str, **options: Unpack[MetricOptions]
    ) -> cloudwatch.Metric:
        """Return how long one step ran, in milliseconds: the average unless options differ."""
        return self._metric("StepDuration", "Average", options, step_name)

    def on_event(self, construct_id: str, **options: Unpack[EventOptions]) -> events.Rule:
        """Add a rule on every event of the pipeline: of its executions and of their steps."""
        return self._rule(construct_id, (EXECUTION_STATUS_CHANGE, STEP_STATUS_CHANGE), {}, options)

    def on_execution_state_change(
        self, construct_id: str, **options: Unpack[EventOptions]
    ) -> events.Rule:
        """Add a rule on every change of an execution's status."""
        return self._rule(construct_id, (EXECUTION_STATUS_CHANGE,), {}, options)

    def on_execution_failed(
        self, construct_id: str, **options: Unpack[EventOptions]
    ) -> events.Rule:
        """Add a rule on executions that failed."""
        return self._on_execution(construct_id, "Failed", options)

    def on_execution_succeeded(
        self, construct_id: str, **options: Unpack[EventOptions]
    ) -> events.Rule:
        """Add a rule on executions that succeeded."""
        return self._on_execution(construct_id, "Succeeded", options)

    def on_execution_stopped(
        self, construct_id: str, **options: Unpack[EventOptions]
    ) -> events.Rule:
        """Add a rule on executions that were stopped."""
        return self._on_execution(construct_id, "Stopped", options)

    def on_step_state_change(
        self, construct_id: str, **options: Unpack[EventOptions]
    ) -> events.Rule:
        """Add a rule on every change of a step's status."""
        return self._rule(construct_id, (STEP_STATUS_CHANGE,), {}, options)

    def on_step_failed(self, construct_id: str, **options: Unpack[EventOptions]) -> events.Rule:
        """Add a rule on steps that failed; the event has the reason in `failureReason`.

        SageMaker may send an event more than once.
        """
        failed = {"currentStepStatus": ["Failed"]}
        return self._rule(construct_id, (STEP_STATUS_CHANGE,), failed, options)

    def _metric(
        self, name: str, statistic: str, options: MetricOptions, step_name: str | None = None
    ) -> cloudwatch.Metric:
        dimensions = {PIPELINE_NAME: self._identity.name}
        if step_name is not None:
            dimensions[STEP_NAME] = step_name
        return pipeline_metric(
            self, name, dimensions=dimensions, statistic=statistic, options=options
        )

    def _on_execution(self, construct_id: str, status: str, options: EventOptions) -> events.Rule:
        detail = {"currentPipelineExecutionStatus": [status]}
        return self._rule(construct_id, (EXECUTION_STATUS_CHANGE,), detail, options)

    def _rule(
        self,
        construct_id: str,
        detail_types: tuple[str, ...],
        detail: dict[str, list[str]],
        options: EventOptions,
    ) -> events.Rule:
        condition = event_condition(self._identity.arn, detail_types, detail)
        rule = add_rule(self, construct_id, condition, **options)
        warn_about_another_bus(self, rule)
        return rule


class ImportedPipeline(ISageMakerPipeline):
    """A pipeline that another stack, app, account or region has. `SageMakerPipeline.from_...` makes it."""

    def __init__(self, scope: Construct, construct_id: str, *, identity: PipelineIdentity) -> None:
        super().__init__(scope, construct_id, environment_from_arn=identity.arn)
        self._identity = identity


def import_by_arn(scope: Construct, construct_id: str, arn: str) -> ISageMakerPipeline:
    """Return the pipeline of an ARN; raises SetupError for a malformed one."""
    identity = identity_from_arn(scope, arn, _path(scope, construct_id))
    return ImportedPipeline(scope, construct_id, identity=identity)


def import_by_name(scope: Construct, construct_id: str, name: str) -> ISageMakerPipeline:
    """Return a pipeline of the scope's account and region; raises SetupError for a malformed name."""
    identity = identity_from_name(scope, name, _path(scope, construct_id))
    return ImportedPipeline(scope, construct_id, identity=identity)


def _path(scope: Construct, construct_id: str) -> str:
    return "/".join(part for part in (scope.node.path, construct_id) if part)
