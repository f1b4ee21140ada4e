"""Settings of the delivery: what they accept, and what their faults say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smp.errors import SetupError
from stacks.context import read_context
from stacks.delivery_plan import DeliveryPlan, is_asked_for, load_delivery
from stacks.tool_versions import ToolVersions, read_tool_versions
from tests.stacks.deliveries import ENVIRONMENTS, on_github, settings
from tests.stacks.synthesis import ROOT

NOTHING: Mapping[str, str] = {}


def load(workspace: Path, smp: Any, environ: Mapping[str, str] = NOTHING) -> DeliveryPlan:
    text = json.dumps({"context": {"smp": smp}}, indent=2)
    (workspace / "cdk.json").write_text(text, encoding="utf-8")
    return load_delivery(read_context(workspace, environ), environ, workspace)


def faults(workspace: Path, smp: Any, environ: Mapping[str, str] = NOTHING) -> str:
    with pytest.raises(SetupError) as caught:
        load(workspace, smp, environ)
    return str(caught.value)


def test_the_settings_that_come_with_the_repository_are_a_complete_delivery() -> None:
    plan = load_delivery(read_context(ROOT, {}), {}, ROOT)
    assert set(plan.settings.models) == {"fraud_detection", "demand_forecast"}
    assert [stage.deployment.stack_prefix for stage in plan.stages] == ["Smp-dev", "Smp-prod"]
    assert [stage.settings.approval for stage in plan.stages] == [False, True]


def test_stages_keep_their_order_and_have_their_places(tmp_path: Path) -> None:
    plan = load(tmp_path, settings())
    places = [(stage.deployment.name, stage.account, stage.region) for stage in plan.stages]
    assert places == [("dev", "222222222222", "eu-west-1"), ("prod", "333333333333", "us-east-1")]


def test_the_pattern_of_configurations_can_come_from_a_variable(tmp_path: Path) -> None:
    plan = load(tmp_path, settings(), {"SMP_MODEL_CONFIGPATH": "other/*.yaml"})
    assert plan.model_configs == "other/*.yaml"
    assert {each.model_configs for each in plan.deployments} == {"other/*.yaml"}


def test_permissions_are_checked_where_somebody_approves(tmp_path: Path) -> None:
    stages: list[dict[str, Any]] = [
        {"environment": "dev"},
        {"environment": "prod", "approval": True},
    ]
    plan = load(tmp_path, settings(stages=stages))
    assert [stage.settings.checks_permissions for stage in plan.stages] == [False, True]
    stages[0]["checkPermissions"], stages[1]["checkPermissions"] = True, False
    plan = load(tmp_path, settings(stages=stages))
    assert [stage.settings.checks_permissions for stage in plan.stages] == [True, False]


def test_a_model_repository_linked_in_by_a_build_is_no_directory_of_the_app(tmp_path: Path) -> None:
    (tmp_path / "model_configs").mkdir()
    (tmp_path / "elsewhere" / "conf").mkdir(parents=True)
    (tmp_path / "elsewhere" / "conf" / "conf.yaml").touch()
    (tmp_path / "model_configs" / "prices").symlink_to(tmp_path / "elsewhere")
    assert "prices" in load(tmp_path, settings()).settings.models


def test_fails_where_a_model_repository_brings_no_configuration_any_more(tmp_path: Path) -> None:
    (tmp_path / "model_configs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "model_configs" / "prices").symlink_to(tmp_path / "elsewhere")
    found = faults(tmp_path, settings())
    assert "models.prices: the model repository has no configuration file\n" in found
    assert "allowed: a file that model_configs/*/conf/*.yaml matches\n" in found
    assert found.endswith("hint: restore its configuration, or take prices out of the settings")


@pytest.mark.parametrize(("word", "asked"), [("true", True), (True, True), ("false", False)])
def test_the_command_line_asks_for_it(word: object, asked: bool) -> None:
    assert is_asked_for({"delivery": word}) is asked
    assert is_asked_for({}) is False


def test_fails_for_another_word_than_true_or_false() -> None:
    with pytest.raises(SetupError) as caught:
        is_asked_for({"delivery": "ture"})
    assert str(caught.value) == (
        "-c delivery: is neither true nor false\n    found: 'ture'\n    allowed: true, false"
    )


def test_fails_without_the_section_and_says_what_to_add(tmp_path: Path) -> None:
    assert faults(tmp_path, {"environments": ENVIRONMENTS}) == (
        "cdk.json: context.smp.delivery: the settings have no delivery\n"
        "    allowed: account, region, repository, models and stages\n"
        "    hint: add the section (docs/delivery.md has a complete one), or leave out -c delivery=true"
    )


def test_fails_for_an_environment_that_is_not_there(tmp_path: Path) -> None:
    found = faults(tmp_path, settings(stages=[{"environment": "prd"}]))
    assert "context.smp.delivery.stages[0].environment: there is no environment 'prd'" in found
    assert "allowed: default, dev, prod" in found
    assert "hint: did you mean 'prod'?" in found


def test_fails_for_an_environment_without_a_place(tmp_path: Path) -> None:
    found = faults(tmp_path, settings(stages=[{"environment": "default"}]))
    assert "environment 'default' has no account and no region" in found
    assert "set context.smp.environments.default.account and" in found


def test_fails_where_two_stages_deploy_to_one_environment(tmp_path: Path) -> None:
    found = faults(tmp_path, settings(stages=[{"environment": "dev"}, {"environment": "dev"}]))
    assert "stages[1].environment: a stage above deploys to this environment" in found


def test_fails_where_a_stage_waits_for_what_it_does_not_start(tmp_path: Path) -> None:
    stage = {"environment": "dev", "startPipelines": False, "waitForPipelines": True}
    found = faults(tmp_path, settings(stages=[stage]))
    assert "stages[0].waitForPipelines: waits for executions that it does not start" in found
    assert "hint: set startPipelines to true, or waitForPipelines to false" in found


def test_fails_where_the_app_has_a_directory_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "model_configs" / "prices").mkdir(parents=True)
    found = faults(tmp_path, settings())
    assert "delivery.models.prices: the app's own repository has model_configs/prices too" in found
    assert "hint: remove model_configs/prices from it, or name the model repository" in found


@pytest.mark.parametrize(
    "source",
    [
        on_github("example-org/x", branch="b"),
        {"type": "codecommit", "repository": "r", "branch": "b"},
    ],
)
def test_fails_where_two_sources_are_one_repository(
    tmp_path: Path, source: Mapping[str, Any]
) -> None:
    found = faults(tmp_path, settings(models={"one": {**source, "branch": "a"}, "two": source}))
    assert "delivery.models.two.repository: names a repository that another source names" in found
    assert "hint: it is context.smp.delivery.models.one" in found


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a b", "$(id)", ".git", "-rf", "a;b", "", "a" * 65, "ä", "a\nb"]
)
def test_fails_for_a_name_that_is_no_plain_directory(tmp_path: Path, name: str) -> None:
    found = faults(tmp_path, settings(models={name: on_github("example-org/x")}))
    assert "the name " in found


@pytest.mark.parametrize("name", sorted({"SMP_ACCOUNTID", "SMP_REGION", "SMP_SUBNETS", "SMP_ROLE"}))
def test_fails_where_a_variable_would_go_into_every_environment(tmp_path: Path, name: str) -> None:
    found = faults(tmp_path, settings(), {name: "111111111111"})
    assert f"environment variables: {name}: a variable sets one environment" in found
    assert "hint: unset it, and write environments.<name>." in found


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"repository": "a/b"}, "the required key 'type' is missing"),
        ({"type": "github", "repository": "a/b"}, "delivery.repository.type"),
        ({"type": "codecommit", "repository": "a", "paths": ["x"]}, "unknown key 'paths'"),
        ({"type": "codecommit", "repository": "a/b"}, "allowed: the name of a CodeCommit"),
        (
            {"type": "s3", "bucket": "company-models", "key": "model.zip", "branch": "main"},
            "unknown key 'branch'",
        ),
        (
            {"type": "s3", "bucket": "company-models", "key": "model.tar.gz"},
            "allowed: the key of a .zip archive",
        ),
        ({"type": "s3", "bucket": "company-models", "key": "a/../b.zip"}, "holds '..'"),
        (on_github("just-a-name"), "allowed: owner/name, such as example-org/churn"),
        (on_github("a/../b"), "holds '..'"),
        (on_github("a/b", branch="$(id)"), "allowed: the name of one branch"),
        (on_github("a/b", paths=["x"] * 9), "has too many entries"),
        (on_github("a/b", paths=["../x"]), "repository.paths[0]"),
        (on_github("a/b", provider="svn"), "is not one of the allowed values"),
        (
            {"type": "codeconnections", "connectionArn": "arn:aws:s3:::x", "repository": "a/b"},
            "allowed: the ARN of a connection, as CodeConnections shows it",
        ),
    ],
)
def test_fails_for_a_source_that_cannot_be(
    tmp_path: Path, source: Mapping[str, Any], message: str
) -> None:
    found = faults(tmp_path, settings(repository=source))
    assert message in found
    assert "context.smp.delivery.repository" in found
    assert "codeconnections.connectionArn" not in found


def test_a_fault_stands_at_its_line(tmp_path: Path) -> None:
    found = faults(tmp_path, settings(region="Ireland"))
    lines = (tmp_path / "cdk.json").read_text("utf-8").splitlines()
    number = next(i for i, line in enumerate(lines, 1) if '"Ireland"' in line)
    assert found.startswith(f"cdk.json:{number}:")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"notifications": {"emails": ["nobody"]}}, "notifications.emails[0]"),
        ({"notifications": {"slack": {"workspaceId": "T1"}}}, "'channelId' is missing"),
        ({"network": {"vpcId": "vpc-12345678"}}, "'subnetIds' is missing"),
        ({"logDays": 14}, "delivery.logDays: is not one of the allowed values"),
        ({"account": 111111111111}, "put it in quotes"),
        ({"stages": []}, "delivery.stages: has too few entries"),
        ({"stage": []}, "hint: did you mean 'stages'?"),
        (
            {"pullRequests": {"allowedActors": ["1"], "environment": "test"}},
            "no stage deploys to environment 'test'",
        ),
        (
            {
                "repository": {"type": "codecommit", "repository": "app"},
                "pullRequests": {"allowedActors": ["1"]},
            },
            "make the app's repository a source of type codeconnections",
        ),
    ],
)
def test_fails_for_other_wrong_values(
    tmp_path: Path, changes: Mapping[str, Any], message: str
) -> None:
    assert message in faults(tmp_path, settings(**changes))


def test_fails_with_all_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "model_configs" / "prices").mkdir(parents=True)
    stages = [{"environment": "default"}, {"environment": "none"}]
    found = faults(tmp_path, settings(stages=stages), {"SMP_REGION": "eu-west-1"})
    assert found.count("\n    hint: ") >= 3
    assert "SMP_REGION" in found
    assert "'none'" in found
    assert "model_configs/prices" in found


def test_versions_of_tools_are_those_of_package_json() -> None:
    pinned = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    expected = ToolVersions(cdk=pinned["aws-cdk"], cdk_assets=pinned["cdk-assets"])
    assert read_tool_versions(ROOT) == expected


def test_fails_where_a_tool_is_not_pinned(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"devDependencies": {"aws-cdk": "^2.1"}}')
    with pytest.raises(SetupError) as caught:
        read_tool_versions(tmp_path)
    assert "package.json: devDependencies.aws-cdk: is not pinned to one version" in str(
        caught.value
    )
    assert "devDependencies.cdk-assets" in str(caught.value)
