"""What the roles of a pipeline may do, derived from its definition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import Permissions, plan_permissions
from smp.definition.permissions.statement import Statement
from tests.stacks.pipelines import definition, full_pipeline, processing_only

REGIONAL = "${smp:region}:${smp:account_id}"


@pytest.fixture
def churn(tmp_path: Path) -> CompiledPipeline:
    return full_pipeline(tmp_path)


def by_sid(statements: tuple[Statement, ...]) -> dict[str, Statement]:
    return {statement.sid: statement for statement in statements}


def without_network(pipeline: CompiledPipeline) -> Permissions:
    for step in pipeline.steps():
        step["Arguments"].pop("VpcConfig", None)
        step["Arguments"].pop("NetworkConfig", None)
    return plan_permissions(pipeline)


def test_what_a_deployment_knows_is_named(churn: CompiledPipeline) -> None:
    job = by_sid(plan_permissions(churn).job)
    (tree,) = churn.code
    assert list(job["ReadData"].resources) == [
        f"arn:${{smp:partition}}:s3:::${{smp:bucket}}/code/{tree.sha256}",
        f"arn:${{smp:partition}}:s3:::${{smp:bucket}}/code/{tree.sha256}/*",
        "arn:${smp:partition}:s3:::company-data/raw",
        "arn:${smp:partition}:s3:::company-data/raw/*",
    ]
    assert list(job["PullImages"].resources) == [
        f"arn:${{smp:partition}}:ecr:{REGIONAL}:repository/trainer",
        "arn:${smp:partition}:ecr:${smp:region}:${smp:image_account.sklearn-1.2-1}"
        ":repository/sagemaker-scikit-learn",
    ]
    assert list(job["DescribeKeys"].resources) == ["${smp:kms_key_arn}"]
    assert list(job["CreateInterfaces"].resources)[1:] == [
        f"arn:${{smp:partition}}:ec2:{REGIONAL}:subnet/${{smp:subnets}}",
        f"arn:${{smp:partition}}:ec2:{REGIONAL}:security-group/${{smp:security_group_ids}}",
    ]
    pipeline = by_sid(plan_permissions(churn).pipeline)
    assert list(pipeline["PassJobRole"].resources) == ["${smp:role_arn}"]


def test_the_same_pipeline_has_the_same_permissions(tmp_path: Path) -> None:
    first, second = (plan_permissions(full_pipeline(tmp_path / name)) for name in "ab")
    assert first == second


def test_without_a_network_no_interface_is_made(churn: CompiledPipeline) -> None:
    assert "CreateInterfaces" in by_sid(plan_permissions(churn).runtime)
    assert "CreateInterfaces" not in by_sid(without_network(churn).runtime)


def test_no_statement_is_without_a_resource(tmp_path: Path) -> None:
    permissions = plan_permissions(processing_only(tmp_path))
    assert all(statement.resources for statement in (*permissions.job, *permissions.pipeline))
    assert set(by_sid(permissions.pipeline)) == {"RunProcessingJobs", "PassJobRole"}


def test_every_wildcard_has_its_reason(churn: CompiledPipeline) -> None:
    permissions = plan_permissions(churn)
    for statement in (*permissions.job, *permissions.pipeline):
        if any("*" in resource for resource in statement.resources):
            assert statement.wildcard, statement.sid


def test_a_step_type_that_is_not_known_is_named_and_gets_nothing(tmp_path: Path) -> None:
    steps = {"Name": "emr", "Type": "EMR", "Arguments": {}}
    permissions = plan_permissions(processing_only(tmp_path, definition=definition(steps)))
    assert permissions.unknown_step_types == ("EMR",)
    assert permissions.pipeline == ()


def test_values_take_the_place_of_names_and_lists_repeat_their_text() -> None:
    statement = Statement(
        "Put",
        ["ec2:X"],
        ["arn:${smp:region}:subnet/${smp:subnets}", "arn:fixed"],
        {"ArnEquals": {"ec2:Subnet": ["s/${smp:subnets}"]}, "Bool": {"k": "${smp:region}"}},
    )
    values: dict[str, Any] = {"region": "here", "subnets": ["one", "two"]}
    resolved = statement.resolved(values.__getitem__)
    assert resolved.resources == ("arn:here:subnet/one", "arn:here:subnet/two", "arn:fixed")
    assert resolved.conditions == {
        "ArnEquals": {"ec2:Subnet": ["s/one", "s/two"]},
        "Bool": {"k": "here"},
    }
