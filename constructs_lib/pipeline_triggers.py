"""What starts a pipeline: schedules, event rules, and a dead-letter queue for failed starts.

EventBridge and Scheduler may start the pipeline, each only for its own rule or schedule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.role_policy import RolePolicy
from constructs_lib.trigger_starts import Start
from smp.definition.deploy_values import substitute
from smp.definition.permissions.statement import Resolve, Statement
from smp.definition.triggers import (
    ApprovedModel,
    DataArrival,
    Schedule,
    Trigger,
    event_pattern,
    rule_name,
    schedule_group_name,
)

RETRIES = {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 185}
"""A start is tried for an hour, as often as the service likes: 185 times is its own limit."""

KEEP_FAILED_STARTS_DAYS = 14


class PipelineTriggers(Construct):
    """The enabled triggers of one pipeline, each with its own role."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        start: Start,
        triggers: Sequence[Trigger],
        statements: Mapping[str, Sequence[Statement]],
        key: kms.IKey,
        resolve: Resolve,
    ) -> None:
        """`triggers` have one target, and `start` starts it; `statements` are what each role may do.

        `resolve` returns the value of a deploy-time name.
        """
        super().__init__(scope, construct_id)
        self._pipeline_name = pipeline_name
        self._start = start
        self._key = key
        self._resolve_others = resolve
        self._stack = cdk.Stack.of(self)
        rules = [item for item in triggers if isinstance(item, (DataArrival, ApprovedModel))]
        schedules = [item for item in triggers if isinstance(item, Schedule)]
        self.queue = self._add_queue(rules)
        if schedules:
            group = self._add_group(schedules[0].target)
            for schedule in schedules:
                self._add_schedule(schedule, statements[schedule.name], group)
        for rule in rules:
            self._add_rule(rule, statements[rule.name])

    def _add_queue(self, rules: Sequence[Trigger]) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            "FailedStarts",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(KEEP_FAILED_STARTS_DAYS),
        )
        if rules:
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="KeepFailedStarts",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={
                        "ArnEquals": {"aws:SourceArn": [self._rule_arn(rule) for rule in rules]},
                        "StringEquals": {"aws:SourceAccount": self._stack.account},
                    },
                )
            )
        acknowledge(queue, {"AwsSolutions-SQS3": "It is the dead-letter queue itself."})
        return queue

    def _add_group(self, target: str) -> cdk.CfnResource:
        properties = {"Name": schedule_group_name(self._pipeline_name, target)}
        kind = "AWS::Scheduler::ScheduleGroup"
        return cdk.CfnResource(self, "Group", type=kind, properties=properties)

    def _add_schedule(
        self, schedule: Schedule, statements: Sequence[Statement], group: cdk.CfnResource
    ) -> None:
        name = schedule_group_name(self._pipeline_name, schedule.target)
        arn = f"arn:{self._stack.partition}:scheduler:{self._place}:schedule-group/{name}"
        role = self._add_role(schedule, "scheduler.amazonaws.com", arn, statements)
        times = {
            "ScheduleExpressionTimezone": schedule.timezone,
            "StartDate": schedule.start,
            "EndDate": schedule.end,
        }
        self._add(
            schedule,
            "AWS::Scheduler::Schedule",
            {
                "GroupName": group.ref,
                "Name": schedule.name,
                "ScheduleExpression": schedule.expression,
                **{key: value for key, value in times.items() if value is not None},
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "KmsKeyArn": self._key.key_arn,
                "Target": self._target(role, self._start.scheduled(schedule.parameters)),
            },
        )

    def _add_rule(
        self, trigger: DataArrival | ApprovedModel, statements: Sequence[Statement]
    ) -> None:
        role = self._add_role(trigger, "events.amazonaws.com", self._rule_arn(trigger), statements)
        target = self._target(role, self._start.by_event(trigger.parameters))
        self._add(
            trigger,
            "AWS::Events::Rule",
            {
                "Name": self._rule_name(trigger),
                "EventPattern": substitute(event_pattern(trigger), self._resolve),
                "Targets": [{"Id": self._start.target_id, **target}],
            },
        )

    def _add(self, trigger: Trigger, kind: str, properties: Mapping[str, Any]) -> None:
        """Add a rule or schedule in CloudFormation's own words: one call, and both have equal targets."""
        whole = {"Description": self._description(trigger), "State": "ENABLED", **properties}
        cdk.CfnResource(self, trigger.name, type=kind, properties=whole)

    def _target(self, role: iam.Role, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "Arn": self._start.arn,
            "RoleArn": role.role_arn,
            "DeadLetterConfig": {"Arn": self.queue.queue_arn},
            "RetryPolicy": RETRIES,
            **values,
        }

    def _description(self, trigger: Trigger) -> str:
        return f"Trigger {trigger.name} of pipeline {self._pipeline_name}"

    def _add_role(
        self, trigger: Trigger, service: str, source_arn: str, statements: Sequence[Statement]
    ) -> iam.Role:
        """Return a role that only this rule, or a schedule of this group, may take."""
        description = self._description(trigger)
        role = iam.Role(
            self,
            f"{trigger.name}-Role",
            description=description,
            assumed_by=iam.ServicePrincipal(
                service,
                conditions={
                    "StringEquals": {"aws:SourceAccount": self._stack.account},
                    "ArnEquals": {"aws:SourceArn": source_arn},
                },
            ),
        )
        RolePolicy(
            self,
            f"{trigger.name}-Policy",
            role=role,
            description=description,
            statements=[statement.resolved(self._resolve) for statement in statements],
        )
        return role

    def _resolve(self, name: str) -> str | list[str]:
        return self.queue.queue_arn if name == "trigger_queue_arn" else self._resolve_others(name)

    @property
    def _place(self) -> str:
        return f"{self._stack.region}:{self._stack.account}"

    def _rule_name(self, trigger: Trigger) -> str:
        return rule_name(self._pipeline_name, trigger.name, trigger.target)

    def _rule_arn(self, trigger: Trigger) -> str:
        return f"arn:{self._stack.partition}:events:{self._place}:rule/{self._rule_name(trigger)}"
