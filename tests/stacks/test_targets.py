"""What a pipeline's stack holds for each of its targets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cfnlint
import pytest

from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.definition.compiled import Json
from smp.definition.triggers import rule_name, schedule_group_name, state_machine_name
from smp.graph import build_graphs
from tests.stacks.synthesis import ROOT, Synthesis, shown, synthesize

CHURN = "Smp-managed-Pipeline-churn"
MACHINE = "Smp-managed-Pipeline-machine"
LARGE = "Smp-brought-Pipeline-large"
PLACE = "eu-west-1:123456789012"
ARN = f"arn:aws:states:{PLACE}:stateMachine:churn"
KINDS = ("AWS::SageMaker::Pipeline", "AWS::StepFunctions::StateMachine")


def only(synthesis: Synthesis, stack: str, kind: str) -> Json:
    (resource,) = synthesis.resources(stack, kind).values()
    return resource


def named(synthesis: Synthesis, stack: str, kind: str) -> dict[str, Any]:
    found = synthesis.resources(stack, kind).values()
    return {resource["Properties"]["Name"]: shown(resource["Properties"]) for resource in found}


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        (CHURN, [1, 1]),
        (MACHINE, [0, 1]),
        ("Smp-hosted-Pipeline-dag", [0, 0]),
        (LARGE, [1, 1]),
    ],
)
def test_a_stack_holds_what_its_targets_ask_for(
    targeted: Synthesis, stack: str, expected: list[int]
) -> None:
    assert [len(targeted.resources(stack, kind)) for kind in KINDS] == expected
    uploads = targeted.resources(stack, "Custom::CDKBucketDeployment").values()
    assert any(each["Properties"]["DestinationBucketKeyPrefix"] == "code" for each in uploads)


def test_targets_share_job_role_and_code(targeted: Synthesis) -> None:
    roles = targeted.resources(CHURN, "AWS::IAM::Role")
    assert sum("JobRole" in name for name in roles) == 1
    uploads = targeted.resources(CHURN, "Custom::CDKBucketDeployment").values()
    prefixes = [each["Properties"]["DestinationBucketKeyPrefix"] for each in uploads]
    assert sorted(prefixes) == ["code", "dags/churn"]
    assert len(targeted.resources(CHURN, "AWS::Lambda::Function")) == 1


def test_what_is_shared_has_the_same_ids_without_a_sagemaker_pipeline(targeted: Synthesis) -> None:
    for stack in (CHURN, MACHINE):
        roles = targeted.resources(stack, "AWS::IAM::Role")
        assert "PipelineJobRole77082595" in roles


def test_a_state_machine_is_encrypted_traced_and_logs_everything_but_data(
    targeted: Synthesis,
) -> None:
    machine = only(targeted, CHURN, "AWS::StepFunctions::StateMachine")["Properties"]
    assert machine["StateMachineName"] == "churn"
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["EncryptionConfiguration"]["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    groups = [
        group["Properties"]
        for group in targeted.resources(CHURN, "AWS::Logs::LogGroup").values()
        if "LogGroupName" in group["Properties"]
    ]
    assert [group["LogGroupName"] for group in groups] == ["/aws/vendedlogs/states/churn"]
    assert groups[0]["RetentionInDays"] == 90
    assert "KmsKeyId" in groups[0]


def test_settings_say_what_a_state_machine_logs(targeted: Synthesis) -> None:
    machine = only(targeted, LARGE, "AWS::StepFunctions::StateMachine")["Properties"]
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    days = [
        group["Properties"]["RetentionInDays"]
        for group in targeted.resources(LARGE, "AWS::Logs::LogGroup").values()
        if "LogGroupName" in group["Properties"]
    ]
    assert days == [365]


def test_a_definition_stands_line_by_line_with_its_values(targeted: Synthesis) -> None:
    machine = only(targeted, CHURN, "AWS::StepFunctions::StateMachine")["Properties"]
    text = shown(machine["DefinitionString"])
    definition = json.loads(text)
    assert definition["QueryLanguage"] == "JSONata"
    assert "${smp:" not in text
    assert "123456789012.dkr.ecr.eu-west-1.amazonaws.com/trainer:1.0" in text
    assert "<PipelineJobRole77082595.Arn>" in text
    assert len(machine["DefinitionString"]["Fn::Join"][1]) > 100


def test_a_large_definition_is_an_object_named_by_its_content(targeted: Synthesis) -> None:
    machine = only(targeted, LARGE, "AWS::StepFunctions::StateMachine")
    place = machine["Properties"]["DefinitionS3Location"]
    assert place["Key"].startswith("definitions/")
    assert place["Key"].endswith(".asl.json")
    assert "DefinitionString" not in machine["Properties"]
    assert any("StateMachineDefinition" in name for name in machine["DependsOn"])


def test_only_step_functions_takes_the_role_and_for_this_state_machine(targeted: Synthesis) -> None:
    (role,) = (
        role["Properties"]
        for name, role in targeted.resources(CHURN, "AWS::IAM::Role").items()
        if name.startswith("StateMachineRole")
    )
    (trust,) = shown(role["AssumeRolePolicyDocument"]["Statement"])
    assert trust["Principal"] == {"Service": "states.amazonaws.com"}
    assert trust["Condition"]["ArnEquals"] == {"aws:SourceArn": ARN}


def test_the_role_starts_named_jobs_and_hands_on_the_job_role_alone(targeted: Synthesis) -> None:
    steps = shown(targeted.statements(CHURN, "StateMachineStepsPolicy"))
    assert steps["PassJobRole"]["Resource"] == ["<PipelineJobRole77082595.Arn>"]
    assert steps["PassJobRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}
    }
    everything = [sid for sid, each in steps.items() if "*" in each["Resource"]]
    assert everything == []
    engine = shown(targeted.statements(CHURN, "StateMachineEnginePolicy"))
    assert set(engine) == {"DeliverLogs", "Trace", "EncryptExecutions", "EncryptLogs"}
    assert engine["EncryptExecutions"]["Condition"] == {
        "StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": ARN}
    }


def test_each_trigger_starts_its_own_target_and_no_other(targeted: Synthesis) -> None:
    schedules = named(targeted, CHURN, "AWS::Scheduler::Schedule")
    assert {name: each["Target"]["Arn"] for name, each in schedules.items()} == {
        "nightly": ARN,
        "weekly": f"arn:aws:sagemaker:{PLACE}:pipeline/churn",
    }
    rules = named(targeted, CHURN, "AWS::Events::Rule")
    assert {name: [t["Arn"] for t in each["Targets"]] for name, each in rules.items()} == {
        "churn-new-sales-stepfunctions": [ARN],
        "churn-approved-stepfunctions": [ARN],
    }
    assert set(named(targeted, CHURN, "AWS::Scheduler::ScheduleGroup")) == {
        "churn",
        "churn-stepfunctions",
    }


def test_a_state_machine_gets_values_of_their_types_and_no_event(targeted: Synthesis) -> None:
    target = named(targeted, CHURN, "AWS::Scheduler::Schedule")["nightly"]["Target"]
    assert json.loads(target["Input"]) == {
        "dry": True,
        "model": "a <b>",
        "rounds": 500,
        "share": 0.25,
    }
    rules = named(targeted, CHURN, "AWS::Events::Rule")
    (approved,) = rules["churn-approved-stepfunctions"]["Targets"]
    assert approved["Input"] == "{}"
    (sales,) = rules["churn-new-sales-stepfunctions"]["Targets"]
    transformer = sales["InputTransformer"]
    (variable,) = transformer["InputPathsMap"]
    assert transformer["InputPathsMap"] == {variable: "$.detail.object.key"}
    filled = transformer["InputTemplate"].replace(f"<{variable}>", json.dumps("in/1.csv"))
    assert json.loads(filled) == {"input_key": "in/1.csv", "model": "a <b>", "rounds": 3}


def test_a_trigger_of_a_state_machine_may_start_it_and_nothing_else(targeted: Synthesis) -> None:
    statements = shown(targeted.statements(CHURN, "StateMachineTriggersapprovedPolicy"))
    assert statements["StartStateMachine"]["Action"] == ["states:StartExecution"]
    assert statements["StartStateMachine"]["Resource"] == [ARN]
    assert set(statements) == {"StartStateMachine", "EncryptInput"}
    nightly = shown(targeted.statements(CHURN, "StateMachineTriggersnightlyPolicy"))
    assert set(nightly) == {"StartStateMachine", "EncryptInput", "KeepFailedStarts", "UseKey"}


def test_nothing_is_started_before_the_state_machine_is_there(targeted: Synthesis) -> None:
    (machine,) = targeted.resources(CHURN, "AWS::StepFunctions::StateMachine")
    started = [
        resource
        for kind in ("AWS::Events::Rule", "AWS::Scheduler::Schedule")
        for name, resource in targeted.resources(CHURN, kind).items()
        if name.startswith("StateMachine")
    ]
    assert len(started) == 3
    assert all(machine in resource["DependsOn"] for resource in started)


def test_the_key_serves_logs_of_state_machines_only_where_there_are_some(
    targeted: Synthesis,
) -> None:
    assert "delivery.logs.amazonaws.com" in targeted.text("Smp-managed-Foundation")
    assert "delivery.logs.amazonaws.com" not in targeted.text("Smp-hosted-Foundation")


def test_the_template_names_targets_where_a_review_sees_them(targeted: Synthesis) -> None:
    metadata = targeted.template(CHURN)["Metadata"]
    assert metadata["churn: targets"] == "sagemaker, airflow, stepfunctions"
    assert "on stepfunctions" in metadata["churn: trigger nightly"]


def test_logical_ids_of_a_state_machine_stay(targeted: Synthesis) -> None:
    ids = {
        name
        for kind in ("AWS::StepFunctions::StateMachine", "AWS::Logs::LogGroup")
        for name in targeted.resources(CHURN, kind)
        if name.startswith("StateMachine")
    }
    assert ids == {"StateMachine2E01A3A5", "StateMachineLog29128BC3"}


@pytest.mark.slow
@pytest.mark.parametrize("stack", [CHURN, MACHINE, LARGE])
def test_cloudformation_takes_the_template(targeted: Synthesis, stack: str) -> None:
    arguments = cfnlint.ManualArgs(regions=["eu-west-1"], ignore_checks=["W3005", "W6001"])
    assert [str(match) for match in cfnlint.lint(targeted.text(stack), config=arguments)] == []


def test_names_of_targets_fit_and_differ() -> None:
    long = "a" * 250
    names = {rule_name(long, "b", target) for target in ("sagemaker", "stepfunctions")}
    assert len(names) == 2
    assert all(len(name) <= 64 for name in names)
    assert schedule_group_name("churn") == "churn"
    assert schedule_group_name("churn", "stepfunctions") == "churn-stepfunctions"
    assert len(state_machine_name(long)) == 80
    assert state_machine_name(long) != state_machine_name(long + "a")


@pytest.mark.slow
def test_every_bundled_pipeline_passes_the_policy_checks_on_every_target(tmp_path: Path) -> None:
    graphs = build_graphs(load_project(ROOT))
    compiled = compile_all(graphs, tmp_path / "work").result()
    targets = ("sagemaker", "stepfunctions", "airflow")
    pipelines = [replace(pipeline, targets=targets) for pipeline in compiled]
    settings = {"network": {"internetEgress": True}, "orchestration": {"type": "mwaa"}}
    made = synthesize(tmp_path / "out", pipelines, settings)
    for pipeline in pipelines:
        stack = f"Smp-Pipeline-{pipeline.name}"
        assert [len(made.resources(stack, kind)) for kind in KINDS] == [1, 1]
        uploads = made.resources(stack, "Custom::CDKBucketDeployment").values()
        prefixes = {each["Properties"]["DestinationBucketKeyPrefix"] for each in uploads}
        assert f"dags/{pipeline.name}" in prefixes
