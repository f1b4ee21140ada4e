"""The role of a state machine: its own jobs, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.statement import Statement
from smp.export.stepfunctions import state_machine_permissions
from tests.export.definitions import (
    compare,
    condition,
    model,
    pipeline,
    processing,
    training,
    value_of,
)
from tests.stacks.pipelines import full_pipeline

SAGEMAKER = "arn:${smp:partition}:sagemaker:${smp:region}:${smp:account_id}"


@pytest.fixture
def gated() -> CompiledPipeline:
    good = compare(value_of("evaluate", "auc"), "GreaterThan", 0.5)
    return pipeline(
        training("fit"),
        model("serve", "fit"),
        processing("evaluate"),
        condition("gate", [good], [processing("add")], DependsOn=["serve"]),
    )


def by_sid(compiled: CompiledPipeline) -> dict[str, Statement]:
    return {statement.sid: statement for statement in state_machine_permissions(compiled)}


def test_jobs_are_started_under_the_names_of_their_steps_only(tmp_path: Path) -> None:
    statements = by_sid(full_pipeline(tmp_path))
    assert statements["RunTrainingJobs"].resources == [f"{SAGEMAKER}:training-job/fit-*"]
    assert statements["RunProcessingJobs"].resources == [f"{SAGEMAKER}:processing-job/prep-*"]
    assert statements["RunTrainingJobs"].actions == [
        "sagemaker:AddTags",
        "sagemaker:CreateTrainingJob",
        "sagemaker:DescribeTrainingJob",
        "sagemaker:ListTags",
        "sagemaker:StopTrainingJob",
    ]


def test_only_the_job_role_is_passed_and_only_to_sagemaker(tmp_path: Path) -> None:
    passed = by_sid(full_pipeline(tmp_path))["PassJobRole"]
    assert list(passed.resources) == ["${smp:role_arn}"]
    assert passed.conditions == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


def test_step_functions_manages_the_rules_of_the_kinds_of_jobs_present(tmp_path: Path) -> None:
    rules = by_sid(full_pipeline(tmp_path))["HearOfJobs"]
    assert [arn.rpartition("/")[2] for arn in rules.resources] == [
        "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
        "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    ]
    assert rules.actions == ["events:DescribeRule", "events:PutRule", "events:PutTargets"]


def test_models_are_registered_in_the_pipelines_own_groups(tmp_path: Path) -> None:
    statements = by_sid(full_pipeline(tmp_path))
    assert f"{SAGEMAKER}:model-package-group/churn-Models" in statements["MakeGroups"].resources
    assert f"{SAGEMAKER}:model-package/churn-Models/*" in statements["RegisterModels"].resources


def test_a_property_file_is_read_where_it_lies_and_nothing_else(gated: CompiledPipeline) -> None:
    statements = by_sid(gated)
    assert statements["ReadReports"].resources == [
        "arn:${smp:partition}:s3:::${smp:bucket}/out/*/evaluate/report.json"
    ]
    assert "ReadResults" not in statements


def test_every_wildcard_has_a_reason(gated: CompiledPipeline, tmp_path: Path) -> None:
    for compiled in (gated, full_pipeline(tmp_path)):
        for statement in state_machine_permissions(compiled):
            wide = any("*" in resource for resource in statement.resources)
            assert not wide or statement.wildcard, statement.sid
            assert "*" not in statement.resources
            assert not any("*" in action for action in statement.actions)
