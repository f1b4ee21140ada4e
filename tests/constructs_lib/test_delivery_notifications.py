"""Which events are reported, to whom, and the text that a person reads."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.constructs_lib.conftest import ALONE, PARTS
from tests.stacks.synthesis import Synthesis, shown

EVENT = {"account": "123456789012", "region": "eu-west-1"}
RUN = {"pipeline": "delivery", "execution-id": "01234567-0123"}
PAGE = (
    "https://eu-west-1.console.aws.amazon.com/codesuite/codepipeline/pipelines/delivery"
    "/executions/01234567-0123/visualization?region=eu-west-1"
)


def rule(parts: Synthesis, name: str, stack: str = PARTS) -> dict[str, Any]:
    (found,) = (
        resource["Properties"]
        for logical_id, resource in parts.resources(stack, "AWS::Events::Rule").items()
        if logical_id.startswith(f"Notifications{name}")
    )
    return dict(found)


def transformed(target: dict[str, Any], event: dict[str, Any]) -> str:
    """Return what EventBridge sends for an event: its values in the place of the template's names."""

    def value(path: str) -> str:
        found: Any = event
        for key in path.removeprefix("$.").split("."):
            found = found.get(key, "") if isinstance(found, dict) else ""
        return json.dumps(found)[1:-1]

    transformer = target["InputTransformer"]
    paths = transformer["InputPathsMap"]
    return re.sub(r"<([\w-]+)>", lambda name: value(paths[name[1]]), transformer["InputTemplate"])


def mail(parts: Synthesis, name: str, detail: dict[str, Any]) -> list[str]:
    target = rule(parts, name)["Targets"][0]
    text = transformed(target, {**EVENT, "detail": detail})
    return [json.loads(line) for line in text.splitlines()]


def test_a_failed_run_is_told_with_its_page(parts: Synthesis) -> None:
    assert mail(parts, "FailedRun", RUN) == [
        "Delivery failed: delivery",
        "Run 01234567-0123 in account 123456789012, region eu-west-1, failed. "
        "What was deployed before stays.",
        PAGE,
        "What to do: docs/operations.md of the app's repository.",
    ]


def test_a_failed_step_is_told_with_its_reason(parts: Synthesis) -> None:
    result = {"external-execution-summary": 'Build terminated with state "FAILED"'}
    detail = {**RUN, "stage": "prod", "action": "Start", "execution-result": result}
    assert mail(parts, "FailedAction", detail)[:2] == [
        "Delivery step failed: prod, Start",
        "Step Start of stage prod in run 01234567-0123 of delivery failed: "
        'Build terminated with state "FAILED"',
    ]


def test_a_step_that_fails_without_a_reason_is_told_too(parts: Synthesis) -> None:
    detail = {**RUN, "stage": "prod", "action": "Approve"}
    assert mail(parts, "FailedAction", detail)[1].endswith("of delivery failed: ")


def test_an_approval_that_waits_is_told(parts: Synthesis) -> None:
    assert mail(parts, "WaitingApproval", {**RUN, "stage": "prod"})[:3] == [
        "Approval needed: prod of delivery",
        "Run 01234567-0123 waits before stage prod. Read the review, then approve or reject:",
        PAGE,
    ]


def test_a_failed_execution_is_told_with_step_and_reason(parts: Synthesis) -> None:
    detail = {"stepName": "train", "pipelineExecutionArn": "arn:x", "failureReason": "OOM"}
    assert mail(parts, "FailedExecution", detail)[:2] == [
        "SageMaker step failed: train",
        "Step train of arn:x failed: OOM",
    ]


@pytest.mark.parametrize(
    ("name", "source", "detail"),
    [
        ("FailedRun", "aws.codepipeline", {"pipeline": ["delivery"], "state": ["FAILED"]}),
        ("FailedAction", "aws.codepipeline", {"pipeline": ["delivery"], "state": ["FAILED"]}),
        (
            "WaitingApproval",
            "aws.codepipeline",
            {
                "pipeline": ["delivery"],
                "state": ["STARTED"],
                "type": {"category": ["Approval"]},
            },
        ),
        ("FailedExecution", "aws.sagemaker", {"currentStepStatus": ["Failed"]}),
    ],
)
def test_a_rule_takes_events_of_this_pipeline_alone(
    parts: Synthesis, name: str, source: str, detail: dict[str, Any]
) -> None:
    pattern = rule(parts, name)["EventPattern"]
    assert pattern["source"] == [source]
    assert pattern["detail"] == detail


def test_the_chat_gets_messages_of_its_own_form(parts: Synthesis) -> None:
    card = rule(parts, "WaitingApproval")["Targets"][1]
    message = json.loads(transformed(card, {**EVENT, "detail": {**RUN, "stage": "prod"}}))
    assert (message["version"], message["source"]) == ("1.0", "custom")
    assert message["content"]["title"] == "Approval needed: prod of delivery"
    assert PAGE in message["content"]["description"]


def test_topics_are_encrypted_and_take_nothing_without_tls(parts: Synthesis) -> None:
    topics = parts.resources(PARTS, "AWS::SNS::Topic").values()
    assert len(topics) == 2
    assert all("KmsMasterKeyId" in topic["Properties"] for topic in topics)
    for policy in parts.resources(PARTS, "AWS::SNS::TopicPolicy").values():
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements
        )


def test_events_may_use_the_key_without_conditions_that_never_match(parts: Synthesis) -> None:
    (key,) = parts.resources(PARTS, "AWS::KMS::Key").values()
    (statement,) = (
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement.get("Sid") == "EncryptEvents"
    )
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in statement


def test_whoever_types_in_the_channel_can_do_nothing(parts: Synthesis) -> None:
    (channel,) = parts.resources(PARTS, "AWS::Chatbot::SlackChannelConfiguration").values()
    assert shown(channel["Properties"]["GuardrailPolicies"]) == [
        "arn:<AWS::Partition>:iam::aws:policy/AWSDenyAll"
    ]
    (role,) = (
        resource["Properties"]
        for name, resource in parts.resources(PARTS, "AWS::IAM::Role").items()
        if name.startswith("NotificationsChatRole")
    )
    assert not {"Policies", "ManagedPolicyArns"} & set(role)


def test_every_address_is_subscribed(parts: Synthesis) -> None:
    subscriptions = parts.resources(PARTS, "AWS::SNS::Subscription").values()
    assert {one["Properties"]["Endpoint"] for one in subscriptions} == {
        "ml@example.org",
        "ops@example.org",
    }


def test_without_a_chat_and_without_executions_there_is_neither(parts: Synthesis) -> None:
    assert len(parts.resources(ALONE, "AWS::SNS::Topic")) == 1
    assert len(parts.resources(ALONE, "AWS::Events::Rule")) == 3
    assert parts.resources(ALONE, "AWS::Chatbot::SlackChannelConfiguration") == {}
