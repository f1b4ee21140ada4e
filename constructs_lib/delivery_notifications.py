"""Notices of the delivery: what failed, and what waits for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from constructs_lib.pipeline_events import SOURCE, STEP_STATUS_CHANGE


@dataclass(frozen=True)
class SlackChannel:
    """A channel of a workspace that was connected in the console of Amazon Q in chat applications."""

    workspace_id: str
    channel_id: str


@dataclass(frozen=True)
class Notice:
    """The message for an event: a headline and sentences, with paths of the event in `<…>`."""

    headline: str
    lines: tuple[str, ...]
    values: Mapping[str, str]
    """Each name used in the sentences, to its path in the event."""


ACTION_CHANGE = "CodePipeline Action Execution State Change"
PIPELINE_VALUES = {
    "pipeline": "$.detail.pipeline",
    "execution": "$.detail.execution-id",
    "account": "$.account",
    "region": "$.region",
}
EXECUTION_PAGE = (
    "https://<region>.console.aws.amazon.com/codesuite/codepipeline/pipelines/<pipeline>"
    "/executions/<execution>/visualization?region=<region>"
)
FAILED_RUN = Notice(
    "Delivery failed: <pipeline>",
    (
        "Run <execution> in account <account>, region <region>, failed. What was deployed before stays.",
        EXECUTION_PAGE,
        "What to do: docs/operations.md of the app's repository.",
    ),
    PIPELINE_VALUES,
)
FAILED_ACTION = Notice(
    "Delivery step failed: <stage>, <action>",
    (
        "Step <action> of stage <stage> in run <execution> of <pipeline> failed: <reason>",
        EXECUTION_PAGE,
    ),
    {
        **PIPELINE_VALUES,
        "stage": "$.detail.stage",
        "action": "$.detail.action",
        "reason": "$.detail.execution-result.external-execution-summary",
    },
)
WAITING_APPROVAL = Notice(
    "Approval needed: <stage> of <pipeline>",
    (
        "Run <execution> waits before stage <stage>. Read the review, then approve or reject:",
        EXECUTION_PAGE,
        "An approval that nobody gives ends as a rejection after seven days.",
    ),
    {**PIPELINE_VALUES, "stage": "$.detail.stage"},
)
FAILED_EXECUTION = Notice(
    "SageMaker step failed: <step>",
    (
        "Step <step> of <execution> failed: <reason>",
        "What to do: smp status and smp logs, see docs/operations.md of the app's repository.",
    ),
    {
        "step": "$.detail.stepName",
        "execution": "$.detail.pipelineExecutionArn",
        "reason": "$.detail.failureReason",
    },
)


class DeliveryNotifications(Construct):
    """Rules for failures and waiting approvals, an encrypted topic for e-mail, another for the chat.

    The chat accepts only its own message format, so it has a separate topic. Each address has to
    confirm its subscription once.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline: codepipeline.IPipeline,
        key: kms.IKey,
        emails: Sequence[str] = (),
        slack: SlackChannel | None = None,
        watch_executions: bool = False,
    ) -> None:
        """`key` is one made in this stack: its policy is extended so that events can be encrypted.

        `watch_executions` adds notices of failed steps of SageMaker pipelines in the delivery's own
        account and region, also of those that a person started.
        """
        super().__init__(scope, construct_id)
        self.mail_topic = self._topic("Mail", key) if emails else None
        self.chat_topic = self._topic("Chat", key) if slack else None
        if not (self.mail_topic or self.chat_topic):
            return
        _let_events_encrypt(key)
        for address in emails:
            assert self.mail_topic is not None
            self.mail_topic.add_subscription(subscriptions.EmailSubscription(address))
        if slack:
            self._add_channel(slack)
        self._add_rules(pipeline, watch_executions)

    def _topic(self, name: str, key: kms.IKey) -> sns.Topic:
        return sns.Topic(
            self, name, display_name="SageMaker delivery", master_key=key, enforce_ssl=True
        )

    def _add_channel(self, slack: SlackChannel) -> None:
        """Send the chat topic's messages to the channel; commands typed there can do nothing."""
        role = iam.Role(
            self,
            "ChatRole",
            description="Of the chat channel: has no permission, since the channel only reads",
            assumed_by=iam.ServicePrincipal("chatbot.amazonaws.com"),
        )
        assert self.chat_topic is not None
        chatbot.CfnSlackChannelConfiguration(
            self,
            "Channel",
            configuration_name=f"{cdk.Stack.of(self).stack_name}-delivery",
            slack_workspace_id=slack.workspace_id,
            slack_channel_id=slack.channel_id,
            iam_role_arn=role.role_arn,
            guardrail_policies=[f"arn:{cdk.Aws.PARTITION}:iam::aws:policy/AWSDenyAll"],
            sns_topic_arns=[self.chat_topic.topic_arn],
            logging_level="ERROR",
        )

    def _add_rules(self, pipeline: codepipeline.IPipeline, watch_executions: bool) -> None:
        of_pipeline = {"pipeline": [pipeline.pipeline_name]}
        self._rule(
            "FailedRun",
            "aws.codepipeline",
            "CodePipeline Pipeline Execution State Change",
            {**of_pipeline, "state": ["FAILED"]},
            FAILED_RUN,
        )
        self._rule(
            "FailedAction",
            "aws.codepipeline",
            ACTION_CHANGE,
            {**of_pipeline, "state": ["FAILED"]},
            FAILED_ACTION,
        )
        self._rule(
            "WaitingApproval",
            "aws.codepipeline",
            ACTION_CHANGE,
            {**of_pipeline, "state": ["STARTED"], "type": {"category": ["Approval"]}},
            WAITING_APPROVAL,
        )
        if watch_executions:
            self._rule(
                "FailedExecution",
                SOURCE,
                STEP_STATUS_CHANGE,
                {"currentStepStatus": ["Failed"]},
                FAILED_EXECUTION,
            )

    def _rule(
        self, name: str, source: str, kind: str, detail: Mapping[str, object], notice: Notice
    ) -> None:
        rule = events.Rule(
            self,
            name,
            description=notice.headline,
            event_pattern=events.EventPattern(
                source=[source], detail_type=[kind], detail=dict(detail)
            ),
        )
        if self.mail_topic:
            lines = [_filled(line, notice) for line in (notice.headline, *notice.lines)]
            message = events.RuleTargetInput.from_multiline_text("\n".join(lines))
            rule.add_target(targets.SnsTopic(self.mail_topic, message=message))
        if self.chat_topic:
            card = events.RuleTargetInput.from_object(_card(notice))
            rule.add_target(targets.SnsTopic(self.chat_topic, message=card))


def _card(notice: Notice) -> dict[str, object]:
    """Return the notice as the chat takes it: a custom notification of Amazon Q, version 1.0."""
    return {
        "version": "1.0",
        "source": "custom",
        "content": {
            "textType": "client-markdown",
            "title": _filled(notice.headline, notice),
            "description": _filled("\n".join(notice.lines), notice),
        },
    }


def _filled(text: str, notice: Notice) -> str:
    for name, path in notice.values.items():
        text = text.replace(f"<{name}>", events.EventField.from_path(path))
    return text


def _let_events_encrypt(key: kms.IKey) -> None:
    """Let EventBridge send to an encrypted topic.

    Without conditions: the SNS guide names EventBridge among the services that call KMS without a source
    account. The policy of the topic limits who sends to it.
    """
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="EncryptEvents",
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],
        )
    )
