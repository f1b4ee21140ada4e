"""Deployment settings: what they accept, how variables override them, what their faults say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smp.errors import SetupError
from stacks.context import config_pattern, read_context
from stacks.settings import Deployment, load_deployment

NOTHING: Mapping[str, str] = {}


def load(
    workspace: Path,
    smp: Any,
    environ: Mapping[str, str] = NOTHING,
    **context: Any,
) -> Deployment:
    written = {"context": {"smp": smp, **context}}
    (workspace / "cdk.json").write_text(json.dumps(written, indent=2))
    return load_deployment(read_context(workspace, environ), environ, workspace)


def faults(workspace: Path, smp: Any, environ: Mapping[str, str] = NOTHING, **context: Any) -> str:
    with pytest.raises(SetupError) as caught:
        load(workspace, smp, environ, **context)
    return str(caught.value)


def environments(**settings: Any) -> dict[str, Any]:
    return {"environments": {"default": settings}}


def test_nothing_written_is_an_agnostic_environment(tmp_path: Path) -> None:
    deployment = load(tmp_path, {})
    assert deployment.name == "default"
    assert deployment.stack_prefix == "Smp"
    assert deployment.environment.account is None
    assert not deployment.offers_egress


def test_an_environment_is_chosen_by_context(tmp_path: Path) -> None:
    smp: dict[str, Any] = {"environments": {"default": {}, "production": {"region": "eu-west-1"}}}
    deployment = load(tmp_path, smp, environment="production")
    assert deployment.environment.region == "eu-west-1"
    assert deployment.stack_prefix == "Smp-production"


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    smp: dict[str, Any] = {"environments": {"default": {}, "production": {}}}
    environ = {"CDK_CONTEXT_JSON": json.dumps({"smp": smp, "environment": "production"})}
    assert load(tmp_path, {}, environ).name == "production"


def test_a_context_too_large_for_a_variable_is_read_from_its_file(tmp_path: Path) -> None:
    overflow = tmp_path / "context.json"
    overflow.write_text(json.dumps({"environment": "other"}))
    smp: dict[str, Any] = {"environments": {"other": {}}}
    environ = {"CONTEXT_OVERFLOW_LOCATION": str(overflow)}
    assert load(tmp_path, smp, environ).name == "other"


def test_variables_stand_in_for_settings(tmp_path: Path) -> None:
    environ = {
        "SMP_ACCOUNTID": "123456789012",
        "SMP_REGION": "us-east-1",
        "SMP_S3BUCKETNAME": "company-bucket",
        "SMP_ROLE": "arn:aws:iam::123456789012:role/jobs",
        "SMP_SUBNETS": " subnet-1 , subnet-2 ",
        "SMP_SECURITYGROUPS": "sg-1",
        "SMP_MODEL_CONFIGPATH": "*/conf/*.yaml",
    }
    deployment = load(tmp_path, environments(network={"internetEgress": True}), environ)
    environment = deployment.environment
    assert environment.account == "123456789012"
    assert environment.region == "us-east-1"
    assert environment.bucket_name == "company-bucket"
    assert environment.job_role_arn == "arn:aws:iam::123456789012:role/jobs"
    assert environment.network.subnet_ids == ("subnet-1", "subnet-2")
    assert environment.network.security_group_ids == ("sg-1",)
    assert not environment.network.internet_egress
    assert deployment.model_configs == "*/conf/*.yaml"


def test_a_blank_variable_is_absent(tmp_path: Path) -> None:
    environ = {"SMP_SUBNETS": " , ", "SMP_SECURITYGROUPS": "", "SMP_ROLE": " "}
    environment = load(tmp_path, {}, environ).environment
    assert environment.network.subnet_ids == ()
    assert environment.job_role_arn is None


def test_the_pattern_of_model_files_is_known_before_the_settings_are_checked(
    tmp_path: Path,
) -> None:
    (tmp_path / "cdk.json").write_text(json.dumps({"context": {"smp": {"modelConfigs": "a/*"}}}))
    context = read_context(tmp_path, {})
    assert config_pattern(context, {}) == "a/*"
    assert config_pattern(context, {"SMP_MODEL_CONFIGPATH": "b/*"}) == "b/*"
    assert config_pattern({}, {}) is None


def test_fails_for_an_unknown_key_with_place_and_near_name(tmp_path: Path) -> None:
    message = faults(tmp_path, environments(network={"internetEgres": True}))
    assert message.startswith(
        "cdk.json:7:13: context.smp.environments.default.network.internetEgres: "
        "unknown key 'internetEgres'"
    )
    assert "did you mean 'internetEgress'?" in message


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"account": "12"}, "account"),
        ({"account": 123456789012}, "account"),
        ({"region": "Ireland"}, "region"),
        ({"kmsKeyArn": "alias/mine"}, "kmsKeyArn"),
        ({"bucketName": "Not_A_Bucket"}, "bucketName"),
        ({"jobRoleArn": "jobs"}, "jobRoleArn"),
        ({"removalPolicy": "delete"}, "removalPolicy"),
        ({"terminationProtection": "yes"}, "terminationProtection"),
        ({"maxInlineDefinitionCharacters": -1}, "maxInlineDefinitionCharacters"),
        ({"network": {"subnetIds": 4}}, "network.subnetIds"),
        ({"tags": ["a"]}, "tags"),
    ],
)
def test_fails_for_a_value_of_the_wrong_kind(
    tmp_path: Path, settings: dict[str, Any], path: str
) -> None:
    message = faults(tmp_path, environments(**settings))
    assert message.startswith("cdk.json:")
    assert f"context.smp.environments.default.{path}: " in message


def test_fails_for_an_environment_whose_stacks_would_be_named_as_the_delivery_s(
    tmp_path: Path,
) -> None:
    for name in ("Delivery", "Delivery-test"):
        message = faults(tmp_path, {"environments": {name: {}}}, environment=name)
        assert "the names of the delivery's own stacks begin so" in message


def test_fails_with_all_faults_at_once(tmp_path: Path) -> None:
    message = faults(tmp_path, environments(account="1", region="2", bucketName="_"))
    assert len([line for line in message.splitlines() if line.startswith("cdk.json")]) == 3


def test_fails_for_an_environment_that_is_not_there(tmp_path: Path) -> None:
    smp: dict[str, Any] = {"environments": {"production": {}, "staging": {}}}
    message = faults(tmp_path, smp, environment="prodution")
    assert "there is no environment 'prodution'" in message
    assert "allowed: production, staging" in message
    assert "did you mean 'production'?" in message


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ({"subnetIds": ["subnet-1"]}, "subnets and security groups are brought together"),
        ({"securityGroupIds": ["sg-1"]}, "subnets and security groups are brought together"),
        ({"egressSubnetIds": ["subnet-1"]}, "egressSubnetIds belongs to a network"),
        (
            {"subnetIds": ["s"], "securityGroupIds": ["g"], "internetEgress": True},
            "internetEgress is only for the network that the app creates",
        ),
    ],
)
def test_fails_for_half_a_network(tmp_path: Path, network: dict[str, Any], reason: str) -> None:
    message = faults(tmp_path, environments(network=network))
    assert message.startswith("cdk.json: context.smp.environments.default.network: " + reason)


def test_fails_for_subnets_without_security_groups_in_variables(tmp_path: Path) -> None:
    message = faults(tmp_path, {}, {"SMP_SUBNETS": "subnet-1"})
    assert "SMP_SUBNETS and SMP_SECURITYGROUPS" in message


def test_fails_for_a_variable_that_is_no_role(tmp_path: Path) -> None:
    message = faults(tmp_path, {}, {"SMP_ROLE": "jobs"})
    assert "SMP_ROLE" in message
    assert "the ARN of an IAM role" in message


@pytest.mark.parametrize("text", ["{", "[]", '{"context": }', "null"])
def test_fails_for_a_file_that_is_not_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "cdk.json").write_text(text)
    with pytest.raises(SetupError, match=r"cdk\.json"):
        read_context(tmp_path, {})
