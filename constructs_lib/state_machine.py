"""The state machine that runs one pipeline: definition, role, logs, key, tracing, triggers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.bootstrap import partition_of
from constructs_lib.definition_text import (
    MAX_INLINE_CHARACTERS,
    compact,
    content_name,
    in_lines,
)
from constructs_lib.pipeline_basis import PipelineBasis
from constructs_lib.pipeline_triggers import PipelineTriggers
from constructs_lib.role_policy import RolePolicy
from constructs_lib.trigger_starts import StateMachineStart
from smp.definition.console import console_page
from smp.definition.deploy_values import substitute
from smp.definition.permissions.statement import Statement
from smp.definition.reserved_prefixes import DEFINITION_PREFIX
from smp.definition.triggers import STEP_FUNCTIONS, state_machine_name
from smp.export.stepfunctions import render_state_machine, state_machine_permissions

LOG_GROUP_PREFIX = "/aws/vendedlogs/states"
"""Log delivery writes a line into a resource policy of limited size for groups of other names."""

LogLevel = Literal["ALL", "ERROR", "FATAL"]

LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
)
TRACING = (
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
)


@dataclass(frozen=True)
class StateMachineLogs:
    """The logs of executions, which are kept in addition to their history, and their retention."""

    level: LogLevel = "ALL"
    retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS


DEFAULT_LOGS = StateMachineLogs()


class StateMachine(Construct):
    """A standard workflow of the pipeline's name, encrypted with the project's key.

    Logs report every state without data: only the history has the input of a state.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        basis: PipelineBasis,
        max_inline_characters: int = MAX_INLINE_CHARACTERS,
        kept: StateMachineLogs = DEFAULT_LOGS,
    ) -> None:
        """`basis` is that of the SageMaker pipeline, or made for the state machine alone.

        Raises ExportError for a pipeline that Step Functions cannot run.
        """
        super().__init__(scope, construct_id)
        self._basis = basis
        self._stack = cdk.Stack.of(self)
        self._kept = kept
        self.name = state_machine_name(basis.compiled.name)
        self._log_group = self._add_log_group()
        self.role = self._add_role()
        policies = self._add_policies(state_machine_permissions(basis.compiled))
        self.resource = self._add_resource(
            substitute(render_state_machine(basis.compiled), basis.resolve), max_inline_characters
        )
        self.resource.node.add_dependency(*basis.needed_first, *policies)
        self._add_triggers()

    @property
    def arn(self) -> str:
        return self._stack.format_arn(
            service="states",
            resource="stateMachine",
            resource_name=self.name,
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )

    @cached_property
    def state_machine(self) -> stepfunctions.IStateMachine:
        """The machine as the CDK's constructs know one, with its grants and metrics."""
        return stepfunctions.StateMachine.from_state_machine_arn(self, "Machine", self.arn)

    @property
    def console_url(self) -> str:
        region = self._stack.region
        page = f"states/home?region={region}#/statemachines/view/{self.arn}"
        return console_page(partition_of(region), region, page)

    def _add_log_group(self) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Log",
            log_group_name=f"{LOG_GROUP_PREFIX}/{self.name}",
            encryption_key=self._basis.environment.key,
            retention=self._kept.retention,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _add_role(self) -> iam.Role:
        """Return a role that Step Functions may take for this state machine alone."""
        return iam.Role(
            self,
            "Role",
            description=f"Runs pipeline {self._basis.compiled.name} on Step Functions"[:1000],
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": self._stack.account},
                    "ArnEquals": {"aws:SourceArn": self.arn},
                },
            ),
        )

    def _add_policies(self, statements: Sequence[Statement]) -> list[cdk.CfnResource]:
        """Return one policy for what the steps take, and one for what the engine itself does."""
        name = self._basis.compiled.name
        steps = RolePolicy(
            self,
            "StepsPolicy",
            role=self.role,
            description=f"Steps of pipeline {name} on Step Functions"[:1000],
            statements=[statement.resolved(self._basis.resolve) for statement in statements],
        )
        engine = RolePolicy(
            self,
            "EnginePolicy",
            role=self.role,
            description=f"Logs, traces and encryption of state machine {self.name}"[:1000],
            statements=self._engine_statements(),
        )
        return [*steps.resources, *engine.resources]

    def _engine_statements(self) -> Iterator[Statement]:
        key = self._basis.environment.key.key_arn
        yield Statement(
            "DeliverLogs",
            LOG_DELIVERY,
            ["*"],
            wildcard="Deliveries of logs have no ARN (Step Functions, logging to CloudWatch Logs).",
        )
        yield Statement("Trace", TRACING, ["*"], wildcard="Traces have no ARN (X-Ray).")
        yield Statement(
            "EncryptExecutions",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            [key],
            {"StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": self.arn}},
        )
        source = f"arn:{self._stack.partition}:logs:{self._stack.region}:{self._stack.account}:*"
        yield Statement(
            "EncryptLogs",
            ["kms:GenerateDataKey"],
            [key],
            {"StringEquals": {"kms:EncryptionContext:SourceArn": source}},
        )

    def _add_resource(
        self, definition: Any, max_inline_characters: int
    ) -> stepfunctions.CfnStateMachine:
        compiled = self._basis.compiled
        resource = stepfunctions.CfnStateMachine(
            self,
            "Resource",
            state_machine_name=self.name,
            state_machine_type="STANDARD",
            role_arn=self.role.role_arn,
            encryption_configuration={
                "type": "CUSTOMER_MANAGED_KMS_KEY",
                "kmsKeyId": self._basis.environment.key.key_arn,
                "kmsDataKeyReusePeriodSeconds": 300,
            },
            logging_configuration={
                "level": self._kept.level,
                "includeExecutionData": False,
                "destinations": [
                    {"cloudWatchLogsLogGroup": {"logGroupArn": self._log_group.log_group_arn}}
                ],
            },
            tracing_configuration={"enabled": True},
            tags=[{"key": key, "value": value} for key, value in compiled.tags.items()] or None,
        )
        for path, value in self._definition(definition, max_inline_characters).items():
            resource.add_property_override(path, value)
        if self._kept.level != "ALL":
            reason = f"The settings of the environment ask for logs of level {self._kept.level}."
            acknowledge(resource, {"AwsSolutions-SF1": reason})
        return resource

    def _definition(self, definition: Any, max_inline_characters: int) -> dict[str, Any]:
        """Return where the definition is: in the template or, a large one, in the bucket."""
        text = compact(definition)
        if len(text) <= max_inline_characters:
            return {"DefinitionString": in_lines(definition)}
        name = content_name(self._stack, text, ".asl.json")
        uploaded = self._basis.files.add_definition("StateMachineDefinition", (name, text))
        self._basis.needed_first.append(uploaded)
        bucket = self._basis.environment.bucket.bucket_name
        return {"DefinitionS3Location": {"Bucket": bucket, "Key": f"{DEFINITION_PREFIX}/{name}"}}

    def _add_triggers(self) -> None:
        compiled = self._basis.compiled
        triggers = compiled.triggers_of(STEP_FUNCTIONS)
        if not triggers:
            return
        declared = compiled.definition.get("Parameters", [])
        added = PipelineTriggers(
            self,
            "Triggers",
            pipeline_name=compiled.name,
            start=StateMachineStart(self.arn, {item["Name"]: item["Type"] for item in declared}),
            triggers=triggers,
            statements=self._basis.permissions.triggers,
            key=self._basis.environment.key,
            resolve=self._basis.resolve,
        )
        added.node.add_dependency(self.resource)
