"""What starts a pipeline by itself, in the templates."""

from __future__ import annotations

import json

import aws_cdk as cdk
import cfnlint

from smp.definition.compiled import Json
from smp.review.iam.environment_stacks import permissions_in, widenings
from smp.review.iam.template_text import known_values
from stacks.foundation import Foundation
from stacks.settings import EnvironmentSettings
from tests.stacks.pipelines import TRIGGERS
from tests.stacks.synthesis import Synthesis

CHURN = "Smp-Pipeline-churn"
ACCOUNT, PLACE = "123456789012", "eu-west-1:123456789012"
RULE = f"arn:aws:events:{PLACE}:rule"


def flat(value: object) -> object:
    """Return a value with its joins put together and its references in angle brackets."""
    if isinstance(value, list):
        return [flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::Join"}:
        separator, items = value["Fn::Join"]
        return separator.join(str(flat(item)) for item in items)
    if set(value) == {"Ref"}:
        return f"<{value['Ref']}>"
    if set(value) == {"Fn::GetAtt"}:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    return {key: flat(item) for key, item in value.items()}


def properties(synthesis: Synthesis, kind: str, stack: str = CHURN) -> dict[str, Json]:
    """Return the properties of the resources of a type, by the resource's own name or logical id."""
    found = {}
    for logical_id, resource in synthesis.resources(stack, kind).items():
        values = flat(resource["Properties"])
        assert isinstance(values, dict)
        found[values.get("Name", logical_id)] = values
    return found


def role_of(synthesis: Synthesis, target: Json) -> tuple[Json, dict[str, Json]]:
    """Return the trust statement and the permissions, by Sid, of the role that a target is started with."""
    name = target["RoleArn"].removeprefix("<").removesuffix(".Arn>")
    role = flat(synthesis.resources(CHURN, "AWS::IAM::Role")[name]["Properties"])
    assert isinstance(role, dict)
    assert "Policies" not in role
    assert "ManagedPolicyArns" not in role
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    (policy,) = (
        values
        for values in properties(synthesis, "AWS::IAM::ManagedPolicy").values()
        if values["Roles"] == [f"<{name}>"]
    )
    return trust, {each["Sid"]: each for each in policy["PolicyDocument"]["Statement"]}


def test_a_schedule_starts_its_pipeline_in_its_time_zone(triggered: Synthesis) -> None:
    schedule = properties(triggered, "AWS::Scheduler::Schedule")["nightly"]
    target = schedule["Target"]
    assert schedule["ScheduleExpression"] == "cron(0 6 ? * MON-FRI *)"
    assert schedule["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["State"] == "ENABLED"
    assert "Fn::ImportValue" in schedule["KmsKeyArn"]
    assert target["Arn"] == f"arn:aws:sagemaker:{PLACE}:pipeline/churn"
    assert target["SageMakerPipelineParameters"] == {
        "PipelineParameterList": [{"Name": "sample_size", "Value": "all"}]
    }
    (group,) = properties(triggered, "AWS::Scheduler::ScheduleGroup")
    assert group == "churn"


def test_a_rate_has_a_start_and_no_time_zone(triggered: Synthesis) -> None:
    stack = "Smp-Pipeline-prepare-Everything"
    schedule = properties(triggered, "AWS::Scheduler::Schedule", stack)["weekly"]
    assert schedule["ScheduleExpression"] == "rate(7 days)"
    assert schedule["StartDate"] == "2030-01-01T05:00:00Z"
    assert "ScheduleExpressionTimezone" not in schedule
    assert "EndDate" not in schedule
    assert schedule["Target"]["Arn"].endswith(":pipeline/prepare-everything")
    assert "SageMakerPipelineParameters" not in schedule["Target"]


def test_rules_match_what_they_are_for(triggered: Synthesis) -> None:
    rules = properties(triggered, "AWS::Events::Rule")
    patterns = {name: rule["EventPattern"] for name, rule in rules.items()}
    assert set(patterns) == {"churn-approved", "churn-new-sales", "churn-partner-data"}
    sales = patterns["churn-new-sales"]
    assert sales["source"] == ["aws.s3"]
    assert sales["detail-type"] == ["Object Created"]
    assert sales["detail"]["object"]["key"] == [{"wildcard": "incoming/*.csv"}]
    assert "Smp-Foundation" in json.dumps(sales["detail"]["bucket"])
    assert patterns["churn-partner-data"]["detail"] == {
        "bucket": {"name": ["partner-data"]},
        "object": {"key": [{"prefix": "sales/"}]},
    }
    assert patterns["churn-approved"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": ["upstream-Models"],
            "ModelApprovalStatus": ["Approved"],
        },
    }


def test_values_of_events_are_paths_into_them(triggered: Synthesis) -> None:
    rules = properties(triggered, "AWS::Events::Rule")
    values = {
        name: rule["Targets"][0].get("SageMakerPipelineParameters") for name, rule in rules.items()
    }
    assert values == {
        "churn-new-sales": {
            "PipelineParameterList": [
                {"Name": "input-key", "Value": "$.detail.object.key"},
                {"Name": "mode", "Value": "fast"},
            ]
        },
        "churn-partner-data": None,
        "churn-approved": {
            "PipelineParameterList": [{"Name": "model", "Value": "$.detail.ModelPackageArn"}]
        },
    }


def test_each_rule_has_a_role_that_starts_one_pipeline_for_it_alone(triggered: Synthesis) -> None:
    for name, rule in properties(triggered, "AWS::Events::Rule").items():
        (target,) = rule["Targets"]
        trust, permissions = role_of(triggered, target)
        assert trust["Principal"] == {"Service": "events.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnEquals": {"aws:SourceArn": f"{RULE}/{name}"},
        }
        (only,) = permissions.values()
        assert only["Action"] == ["sagemaker:StartPipelineExecution"]
        assert only["Resource"] == [f"arn:aws:sagemaker:{PLACE}:pipeline/churn"]
    roles = [
        rule["Targets"][0]["RoleArn"]
        for rule in properties(triggered, "AWS::Events::Rule").values()
    ]
    assert len(set(roles)) == 3


def test_a_schedule_has_a_role_that_starts_one_pipeline_for_its_group_alone(
    triggered: Synthesis,
) -> None:
    target = properties(triggered, "AWS::Scheduler::Schedule")["nightly"]["Target"]
    trust, permissions = role_of(triggered, target)
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert trust["Condition"]["ArnEquals"] == {
        "aws:SourceArn": f"arn:aws:scheduler:{PLACE}:schedule-group/churn"
    }
    assert {sid: each["Action"] for sid, each in permissions.items()} == {
        "StartPipeline": ["sagemaker:StartPipelineExecution"],
        "KeepFailedStarts": ["sqs:SendMessage"],
        "UseKey": ["kms:Decrypt", "kms:GenerateDataKey"],
    }
    assert permissions["KeepFailedStarts"]["Resource"] == [target["DeadLetterConfig"]["Arn"]]


def test_what_could_not_be_started_is_kept_encrypted(triggered: Synthesis) -> None:
    (queue,) = properties(triggered, "AWS::SQS::Queue").values()
    assert "Fn::ImportValue" in queue["KmsMasterKeyId"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    (policy,) = properties(triggered, "AWS::SQS::QueuePolicy").values()
    deny, allow = policy["PolicyDocument"]["Statement"]
    assert deny["Effect"] == "Deny"
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allow["Principal"] == {"Service": "events.amazonaws.com"}
    assert allow["Action"] == "sqs:SendMessage"
    names = ("new-sales", "partner-data", "approved")
    assert allow["Condition"]["ArnEquals"] == {
        "aws:SourceArn": [f"{RULE}/churn-{name}" for name in names]
    }
    (logical_id,) = triggered.resources(CHURN, "AWS::SQS::Queue")
    targets = [
        *(rule["Targets"][0] for rule in properties(triggered, "AWS::Events::Rule").values()),
        properties(triggered, "AWS::Scheduler::Schedule")["nightly"]["Target"],
    ]
    for target in targets:
        assert target["DeadLetterConfig"] == {"Arn": f"<{logical_id}.Arn>"}
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] == 3600


def test_nothing_is_started_before_the_pipeline_is_there(triggered: Synthesis) -> None:
    (pipeline,) = triggered.resources(CHURN, "AWS::SageMaker::Pipeline")
    for kind in ("AWS::Events::Rule", "AWS::Scheduler::Schedule"):
        for resource in triggered.resources(CHURN, kind).values():
            assert pipeline in resource["DependsOn"]


def test_what_is_switched_off_leaves_nothing(triggered: Synthesis) -> None:
    resources = triggered.template("Smp-Pipeline-untriggered")["Resources"].values()
    kinds = {resource["Type"].split("::")[1] for resource in resources}
    assert kinds.isdisjoint({"Events", "Scheduler", "SQS"})
    assert "switched-off" not in json.dumps(triggered.template(CHURN)["Resources"])
    assert "elsewhere" not in json.dumps(triggered.template(CHURN)["Resources"])


def test_logical_ids_come_from_names(triggered: Synthesis) -> None:
    ids = {
        *triggered.resources(CHURN, "AWS::Events::Rule"),
        *triggered.resources(CHURN, "AWS::Scheduler::Schedule"),
    }
    assert ids == {
        "PipelineTriggersapprovedFE75D613",
        "PipelineTriggersnewsales0DF5F2C8",
        "PipelineTriggersnightly535FE5BD",
        "PipelineTriggerspartnerdataB49A4E08",
    }


def test_the_bucket_sends_events_only_where_a_pipeline_listens(
    triggered: Synthesis, isolated: Synthesis
) -> None:
    listening = [
        bucket["Properties"]["NotificationConfiguration"]
        for bucket in triggered.resources("Smp-Foundation", "AWS::S3::Bucket").values()
        if "NotificationConfiguration" in bucket["Properties"]
    ]
    assert listening == [{"EventBridgeConfiguration": {"EventBridgeEnabled": True}}]
    assert "EventBridge" not in isolated.text("Smp-production-Foundation")


def test_rules_may_use_the_key_for_dead_letters_only_where_there_are_rules(
    triggered: Synthesis, isolated: Synthesis
) -> None:
    (key,) = properties(triggered, "AWS::KMS::Key", "Smp-Foundation").values()
    (statement,) = (
        each
        for each in key["KeyPolicy"]["Statement"]
        if each.get("Sid") == "EncryptDeadLettersOfRules"
    )
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert "Condition" not in statement
    assert "events.amazonaws.com" not in isolated.text("Smp-production-Foundation")


def test_cloudformation_takes_the_template(triggered: Synthesis) -> None:
    arguments = cfnlint.ManualArgs(regions=["eu-west-1"])
    found = cfnlint.lint(triggered.text(CHURN), config=arguments)
    ours = ("Events", "Scheduler", "SQS", "IAM")
    assert [str(match) for match in found if any(f"AWS::{s}" in str(match) for s in ours)] == []


def test_a_new_trigger_is_a_widening_to_whoever_checks_permissions(triggered: Synthesis) -> None:
    after = triggered.template(CHURN)
    before = {
        **after,
        "Resources": {
            name: resource
            for name, resource in after["Resources"].items()
            if not name.startswith("PipelineTriggers")
        },
    }
    known = known_values(ACCOUNT, "eu-west-1")
    found = widenings(*(permissions_in(CHURN, template, known) for template in (before, after)))
    lines = [str(allowance) for allowance in found]
    starting = [line for line in lines if "may now sagemaker:StartPipelineExecution" in line]
    assert len(starting) == 4
    assert all(":pipeline/churn" in line for line in starting)
    assert any("sts:AssumeRole" in line and "scheduler.amazonaws.com" in line for line in lines)
    assert any("sqs:SendMessage" in line and "events.amazonaws.com" in line for line in lines)


def test_whoever_brings_the_bucket_is_told_that_it_has_to_send_events() -> None:
    settings = EnvironmentSettings.model_validate({"bucketName": "company-pipelines"})
    foundation = Foundation(cdk.App(), "Foundation", settings=settings)
    foundation.serve_triggers(TRIGGERS)
    told = [entry.data for entry in foundation.node.metadata if entry.type == "aws:cdk:info"]
    assert len(told) == 1
    assert "EventBridge for new-sales" in str(told[0])
