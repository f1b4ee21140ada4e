"""A stack that passed its checks is not checked again; a finding is shown each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

from constructs_lib.acknowledgement import acknowledge
from stacks import changed_stacks
from stacks.changed_stacks import NAG_NAME, VALIDATION_NAME, changed_stacks_only
from stacks.environment import new_app
from tests.stacks.synthesis import FLAGS, policy_checks

Build = Callable[[cdk.App], None]
IAM4 = "AwsSolutions-IAM4[Policy::arn:aws:iam::aws:policy/ReadOnlyAccess]"


@dataclass
class Recorded:
    """The real checks, and which of them were asked for."""

    asked: list[str] = field(default_factory=list)

    @property
    def nag(self) -> AwsSolutionsChecks:
        self.asked.append("nag")
        return policy_checks().nag

    @property
    def validation(self) -> cdk.CloudFormationValidatePlugin:
        self.asked.append("validation")
        return policy_checks().validation


@dataclass
class Workspace:
    """Synthesizes apps one after the other, with what passed kept between them."""

    directory: Path
    numbers: count[int] = field(default_factory=count)

    @property
    def kept(self) -> Path:
        return self.directory / "passed.json"

    def checked(self, build: Build) -> list[str]:
        """Synthesize and return which checks ran; raises what the CDK does for a finding."""
        checks = Recorded()
        app = new_app(FLAGS, self.directory / str(next(self.numbers)))
        build(app)
        cdk.Validations.of(app).add_plugins(*changed_stacks_only(checks, self.kept))
        app.synth()
        return checks.asked

    def finding(self, build: Build) -> str:
        with pytest.raises(RuntimeError, match="ValidationFailed") as error:
            self.checked(build)
        return str(error.value)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


BOTH = ["nag", "validation"]


def topic(name: str, **properties: object) -> Build:
    def build(app: cdk.App) -> None:
        stack = cdk.Stack(app, name)
        cdk.CfnResource(stack, "Group", type="AWS::Logs::LogGroup", properties=properties)

    return build


def reader(
    reason: str | None, on: Callable[[cdk.App, iam.CfnRole], object] = lambda _, role: role
) -> Build:
    """Make a role with a finding, acknowledged on some construct if there is a reason."""

    def build(app: cdk.App) -> None:
        role = iam.CfnRole(
            cdk.Stack(app, "Reader"),
            "Role",
            assume_role_policy_document={
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "ec2.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            },
            managed_policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        )
        if reason:
            acknowledge(on(app, role), {IAM4: reason})  # type: ignore[arg-type]

    return build


def both(*builds: Build) -> Build:
    def build(app: cdk.App) -> None:
        for each in builds:
            each(app)

    return build


def test_the_plugins_have_the_names_of_those_that_they_ask() -> None:
    assert policy_checks().nag.name == NAG_NAME
    assert policy_checks().validation.name == VALIDATION_NAME


def test_what_passed_is_not_checked_again(workspace: Workspace) -> None:
    build = both(topic("One", RetentionInDays=30), reader("Reads all."))
    assert workspace.checked(build) == [*BOTH[:1], *BOTH]
    assert workspace.checked(build) == []


def test_a_changed_stack_is_checked_alone(workspace: Workspace) -> None:
    workspace.checked(both(topic("One", RetentionInDays=30), reader("Reads all.")))
    assert workspace.checked(both(topic("One", RetentionInDays=60), reader("Reads all."))) == BOTH


def test_a_finding_of_a_rule_is_shown_each_time(workspace: Workspace) -> None:
    build = both(topic("One", RetentionInDays=30), reader(None))
    first = workspace.finding(build)
    assert IAM4 in first
    assert workspace.finding(build).partition("A copy")[0] == first.partition("A copy")[0]


def test_a_finding_of_the_template_validation_is_shown_each_time(workspace: Workspace) -> None:
    build = topic("One", RetentionInDays="many")
    first = workspace.finding(build)
    assert "RetentionInDays" in first
    report = json.loads((workspace.directory / "0" / "validation-report.json").read_text("utf-8"))
    assert [plugin["pluginName"] for plugin in report["pluginReports"]] == [VALIDATION_NAME]
    assert workspace.finding(build).partition("A copy")[0] == first.partition("A copy")[0]


def test_a_finding_shows_beside_stacks_that_passed(workspace: Workspace) -> None:
    workspace.checked(topic("One", RetentionInDays=30))
    assert IAM4 in workspace.finding(both(topic("One", RetentionInDays=30), reader(None)))


@pytest.mark.parametrize(
    "on",
    [lambda _, role: role, lambda _, role: cdk.Stack.of(role), lambda app, _: app],
    ids=["resource", "stack", "app"],
)
def test_a_finding_shows_when_its_acknowledgement_goes(
    workspace: Workspace, on: Callable[[cdk.App, iam.CfnRole], object]
) -> None:
    workspace.checked(reader("Reads all.", on))
    assert workspace.checked(reader("Reads all.", on)) == []
    assert IAM4 in workspace.finding(reader(None))


def test_a_finding_shows_when_a_resource_gets_the_class_that_rules_look_for(
    workspace: Workspace,
) -> None:
    def generic(app: cdk.App) -> None:
        cdk.CfnResource(cdk.Stack(app, "Data"), "Bucket", type="AWS::S3::Bucket")

    def typed(app: cdk.App) -> None:
        s3.CfnBucket(cdk.Stack(app, "Data"), "Bucket")

    workspace.checked(generic)
    assert "AwsSolutions-S1" in workspace.finding(typed)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        (f"{'c' * 64}-{'d' * 64}-{'c' * 12}", True),
        (f"{'b' * 64}-{'a' * 64}-{'a' * 12}", True),
        (f"{'c' * 64}-{'c' * 64}-{'c' * 12}", False),
        (f"{'c' * 64}-{'d' * 63}-{'c' * 12}", False),
        (f"{'c' * 64}-{'d' * 64}-{'e' * 12}", False),
        (f"{'c' * 64}-{'d' * 64}-{'c' * 11}", False),
    ],
)
def test_stacks_that_differ_in_hashes_of_content_alone_are_equal(
    workspace: Workspace, name: str, same: bool
) -> None:
    workspace.checked(topic("One", LogGroupName=f"{'a' * 64}-{'b' * 64}-{'a' * 12}"))
    assert workspace.checked(topic("One", LogGroupName=name)) == ([] if same else BOTH)


def test_other_packages_check_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.checked(topic("One", RetentionInDays=30))
    monkeypatch.setattr(changed_stacks, "installation_lines", lambda: ["another version"])
    assert workspace.checked(topic("One", RetentionInDays=30)) == BOTH


@pytest.mark.parametrize(
    "content", ["", "[", "[1]", "null", '{"a": 1}', json.dumps({NAG_NAME: {}})]
)
def test_a_damaged_file_passes_nothing(workspace: Workspace, content: str) -> None:
    workspace.kept.write_text(content, encoding="utf-8")
    assert workspace.checked(topic("One", RetentionInDays=30)) == BOTH
    assert workspace.checked(topic("One", RetentionInDays=30)) == []


def test_a_second_synthesis_of_an_app_looks_again(workspace: Workspace) -> None:
    checks = Recorded()
    app = new_app(FLAGS, workspace.directory / "assembly")
    topic("One", RetentionInDays=30)(app)
    cdk.Validations.of(app).add_plugins(*changed_stacks_only(checks, workspace.kept))
    app.synth()
    group = app.node.find_child("One").node.find_child("Group")
    assert isinstance(group, cdk.CfnResource)
    group.add_property_override("RetentionInDays", "many")
    with pytest.raises(RuntimeError, match="RetentionInDays"):
        app.synth(force=True)


def test_each_stage_has_its_own(workspace: Workspace) -> None:
    def build(app: cdk.App, days: int = 30) -> None:
        for name in ("dev", "prod"):
            stack = cdk.Stack(cdk.Stage(app, name), "One")
            properties = {"RetentionInDays": days if name == "dev" else 30}
            cdk.CfnResource(stack, "Group", type="AWS::Logs::LogGroup", properties=properties)

    workspace.checked(build)
    assert workspace.checked(build) == []
    assert workspace.checked(lambda app: build(app, 60)) == BOTH
