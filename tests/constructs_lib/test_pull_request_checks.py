"""What builds of pull requests may do, what starts them, and what their commands do."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
import yaml
from aws_cdk import assertions

from constructs_lib.encryption_key import EncryptionKey
from constructs_lib.pull_request_checks import PullRequestChecks, ReviewTarget
from constructs_lib.pull_request_gateway import ConnectedRepository
from smp.cli.authoring import scaffold_model
from tests.constructs_lib.build_machine import BuildMachine
from tests.constructs_lib.conftest import (
    ALONE,
    CONNECTION,
    OLDER_CONNECTION,
    PARTS,
    REGION,
    REVIEW_ROLE,
)
from tests.stacks.synthesis import ROOT, Synthesis, shown

DOORS = ("Doorapp", "Doorfrauddetection", "Doordemandforecast")
BUILDS = ("Review", "SmokeRun")


def project(parts: Synthesis, name: str, stack: str = PARTS) -> dict[str, Any]:
    (found,) = (
        resource["Properties"]
        for logical_id, resource in parts.resources(stack, "AWS::CodeBuild::Project").items()
        if logical_id.startswith(f"PullRequests{name}Project")
    )
    return dict(found)


def policy(parts: Synthesis, name: str) -> dict[str, dict[str, Any]]:
    return parts.statements(PARTS, f"PullRequests{name}Policy")


def actions(statements: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {action for statement in statements.values() for action in statement["Action"]}


@pytest.mark.parametrize("name", DOORS + BUILDS)
def test_every_build_is_without_privileges_encrypted_limited_and_logged(
    parts: Synthesis, name: str
) -> None:
    found = project(parts, name)
    assert found["Environment"]["PrivilegedMode"] is False
    assert found["Environment"]["Type"] == "LINUX_CONTAINER"
    assert shown(found["EncryptionKey"]).endswith(".Arn>")
    assert found["TimeoutInMinutes"] in (60, 90)
    assert found["ConcurrentBuildLimit"] > 0
    assert found["LogsConfig"]["CloudWatchLogs"]["Status"] == "ENABLED"
    assert found["VpcConfig"]["Subnets"] == ["subnet-12345678"]
    assert "Cache" not in found
    variables = found["Environment"]["EnvironmentVariables"]
    assert {variable.get("Type", "PLAINTEXT") for variable in variables} == {"PLAINTEXT"}


def test_the_log_is_encrypted_and_retained(parts: Synthesis) -> None:
    (group,) = parts.resources(PARTS, "AWS::Logs::LogGroup").values()
    assert "KmsKeyId" in group["Properties"]
    assert group["Properties"]["RetentionInDays"] == 365


def test_the_build_with_the_connection_is_not_the_one_that_runs_files(parts: Synthesis) -> None:
    for name in DOORS:
        assert "codeconnections:GetConnectionToken" in actions(policy(parts, name))
        (command,) = yaml.safe_load(project(parts, name)["Source"]["BuildSpec"])["phases"]["build"][
            "commands"
        ]
        assert not re.search(r"\b(make|python|pip|npm|node)\b", command)
    for name in BUILDS:
        assert not any("connection" in action for action in actions(policy(parts, name)))
        assert project(parts, name)["Source"]["Type"] == "NO_SOURCE"
        assert "Triggers" not in project(parts, name)


def test_the_smoke_run_reaches_its_own_input_and_nothing_else(parts: Synthesis) -> None:
    statements = policy(parts, "SmokeRun")
    network = {"SeeNetwork", "AttachNetwork"}
    assert set(statements) == {"ReadChange", "WriteLog", "UseKey"} | network
    (change,) = statements["ReadChange"]["Resource"]
    assert shown(change).endswith("delivery-artifacts/pull-requests/*")
    assert "s3:ListBucket" not in actions(statements)


def test_the_review_may_besides_take_the_role_that_reads(parts: Synthesis) -> None:
    more = set(policy(parts, "Review")) - set(policy(parts, "SmokeRun"))
    assert more == {"TakeReviewRole"}
    assert policy(parts, "Review")["TakeReviewRole"]["Resource"] == [REVIEW_ROLE]


def test_a_door_writes_below_one_prefix_and_starts_these_builds_alone(parts: Synthesis) -> None:
    statements = policy(parts, "Doorfrauddetection")
    (prefix,) = statements["HandOver"]["Resource"]
    assert shown(prefix).endswith("delivery-artifacts/pull-requests/*")
    started = [shown(arn) for arn in statements["StartChecks"]["Resource"]]
    assert [re.sub(r"Project\w+", "", arn) for arn in started] == [
        "<PullRequestsReview.Arn>",
        "<PullRequestsSmokeRun.Arn>",
    ]
    assert statements["UseCodeconnections"]["Resource"] == [CONNECTION]
    assert statements["UseCodestarConnections"]["Resource"] == [OLDER_CONNECTION]


def test_a_policy_is_there_before_its_project_which_proves_the_connection_when_made(
    parts: Synthesis,
) -> None:
    for logical_id, found in parts.resources(PARTS, "AWS::CodeBuild::Project").items():
        (first,) = found["DependsOn"]
        assert first.startswith(logical_id.partition("Project")[0])


@pytest.mark.parametrize(
    ("name", "kind", "location", "events"),
    [
        ("Doorapp", "GITHUB", "https://github.com/example-org/pipelines.git", 3),
        ("Doorfrauddetection", "GITLAB", "https://gitlab.com/group/sub/fraud.git", 3),
        ("Doordemandforecast", "BITBUCKET", "https://bitbucket.org/team/demand.git", 2),
    ],
)
def test_a_door_is_the_webhook_of_its_repository(
    parts: Synthesis, name: str, kind: str, location: str, events: int
) -> None:
    found = project(parts, name)
    source = found["Source"]
    assert (source["Type"], source["Location"]) == (kind, location)
    assert source["Auth"]["Type"] == "CODECONNECTIONS"
    assert source["ReportBuildStatus"] is True
    assert source["BuildStatusConfig"]["Context"] == "smp: validate, review, smoke run"
    assert source["GitSubmodulesConfig"]["FetchSubmodules"] is False
    (filters,) = found["Triggers"]["FilterGroups"]
    pattern = {one["Type"]: one["Pattern"] for one in filters}["EVENT"]
    assert len(pattern.split(", ")) == events
    assert all(event.startswith("PULL_REQUEST_") for event in pattern.split(", "))
    assert "MERGED" not in pattern


def test_only_listed_accounts_start_a_check_and_only_for_the_branch(parts: Synthesis) -> None:
    (filters,) = project(parts, "Doorfrauddetection")["Triggers"]["FilterGroups"]
    patterns = {one["Type"]: one["Pattern"] for one in filters}
    assert set(patterns) == {"EVENT", "ACTOR_ACCOUNT_ID", "BASE_REF"}
    actor = re.compile(patterns["ACTOR_ACCOUNT_ID"])
    assert actor.search("1234")
    assert actor.search("557058:ab-{c}")
    assert not any(actor.search(other) for other in ("12345", "91234", "557058:ab-c", ""))
    base = re.compile(patterns["BASE_REF"])
    assert base.search("refs/heads/release/1.0")
    assert not any(base.search(f"refs/heads/{name}") for name in ("release/1x0", "release/1.0.1"))


def test_a_fork_needs_the_word_of_somebody_who_may_write(parts: Synthesis) -> None:
    found = project(parts, "Doorapp")["Triggers"]["PullRequestBuildPolicy"]
    assert found["RequiresCommentApproval"] == "FORK_PULL_REQUESTS"
    assert found["ApproverRoles"] == ["GITHUB_WRITE", "GITHUB_MAINTAIN", "GITHUB_ADMIN"]


def test_other_repositories_are_laid_out_at_their_branches(parts: Synthesis) -> None:
    found = project(parts, "Doorapp")
    others = {
        source["SourceIdentifier"]: source["Location"] for source in found["SecondarySources"]
    }
    assert others == {
        "source_0": "https://gitlab.com/group/sub/fraud.git",
        "source_1": "https://bitbucket.org/team/demand.git",
    }
    versions = [version["SourceVersion"] for version in found["SecondarySourceVersions"]]
    assert versions == ["refs/heads/release/1.0", "refs/heads/main"]


def test_without_smoke_runs_there_is_one_build_behind_the_door(parts: Synthesis) -> None:
    assert len(parts.resources(ALONE, "AWS::CodeBuild::Project")) == 2
    assert "SecondarySources" not in project(parts, "Doorapp", ALONE)


def test_of_many_repositories_each_is_checked_with_the_app_alone() -> None:
    stack = cdk.Stack(cdk.App(), "Many")
    repository = ConnectedRepository(CONNECTION, "github", "example-org/x", "main")
    checks = PullRequestChecks(
        stack,
        "PullRequests",
        app=repository,
        models={f"model_{number}": repository for number in range(13)},
        allowed_actors=["1"],
        handover=cdk.aws_s3.Bucket.from_bucket_name(stack, "Bucket", "artifacts"),
        key=EncryptionKey(stack, "Key", removal_policy=cdk.RemovalPolicy.RETAIN).key,
        review=ReviewTarget(REVIEW_ROLE, REGION, "dev"),
        review_role_name="review",
    )
    assert len(checks.doors) == 14
    template = assertions.Template.from_stack(stack).to_json()
    counts = [
        len(resource["Properties"].get("SecondarySources", ()))
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CodeBuild::Project"
    ]
    assert sorted(counts) == [0, 0, 0] + [1] * 13


def machine(parts: Synthesis, state: Path) -> BuildMachine:
    found = BuildMachine(state)
    for name, construct in (
        ("door", "Doorfrauddetection"),
        ("app-door", "Doorapp"),
        ("review", "Review"),
        ("smoke", "SmokeRun"),
    ):
        properties = project(parts, construct)
        spec = yaml.safe_load(properties["Source"]["BuildSpec"])
        variables = properties["Environment"]["EnvironmentVariables"]
        found.add_project(
            name,
            spec["phases"]["build"]["commands"],
            {variable["Name"]: str(shown(variable["Value"])) for variable in variables},
        )
    return found


def repository(place: Path, files: Mapping[str, str]) -> str:
    for name, text in {**files, ".git/config": "[core]"}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, "utf-8")
    return str(place)


SHOWING = """\
pull-request-review smoke-run:
\t@echo "$@ model=$(MODEL) base=$(BASE) options=$(AWS_OPTIONS)"
\t@find model_configs -type f -o -type l | sort
"""


def sources(place: Path, makefile: str = SHOWING) -> dict[str, str]:
    app = {"Makefile": makefile, "model_configs/fraud-detection/old.txt": "", "app.py": ""}
    return {
        "CODEBUILD_SRC_DIR": repository(place / "fraud", {"conf/conf.yaml": "new"}),
        "CODEBUILD_SRC_DIR_source_0": repository(place / "app", app),
        "CODEBUILD_SRC_DIR_source_1": repository(place / "demand", {"conf/conf.yaml": "main"}),
        "BUILDS": "review smoke",
    }


def installed(place: Path) -> None:
    """Make a copy of the app's repository whose installation is this one's."""
    listed = ["git", "-c", "safe.directory=*", "ls-files", "-zco", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout
    for name in names.decode().split("\0"):
        if name and not name.startswith("tests/") and (ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, place / name)
    (place / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (place / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (place / "node_modules").mkdir()
    for name in (".venv/.packages", ".venv/.project", "node_modules/.installed"):
        (place / name).touch()


LAID_OUT = [
    "model_configs/demand_forecast/conf/conf.yaml",
    "model_configs/fraud-detection/conf/conf.yaml",
]


def test_a_change_is_handed_over_laid_out_and_checked(parts: Synthesis, tmp_path: Path) -> None:
    build = machine(parts, tmp_path)
    done = build.run("door", sources(tmp_path))
    assert done.returncode == 0, build.log("review")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["review:1: SUCCEEDED: https://log/review:1", "smoke:1: SUCCEEDED: https://log/smoke:1"],
    )
    assert build.log("review").splitlines() == [
        "pull-request-review model=fraud-detection base=deployed "
        f"options=--environment dev --region {REGION} --assume-role {REVIEW_ROLE}",
        *LAID_OUT,
    ]
    smoke = ["smoke-run model=fraud-detection base= options=", *LAID_OUT]
    assert build.log("smoke").splitlines() == smoke


@pytest.mark.slow
def test_a_smoke_run_runs_the_scripts_of_a_pull_request(parts: Synthesis, tmp_path: Path) -> None:
    own = {**sources(tmp_path), "BUILDS": "smoke"}
    shutil.rmtree(tmp_path / "app")
    installed(tmp_path / "app")
    shutil.rmtree(tmp_path / "fraud")
    (tmp_path / "made").mkdir()
    scaffold_model(tmp_path / "made", "fraud_check")
    (tmp_path / "made" / "model_configs" / "fraud_check").rename(tmp_path / "fraud")
    (tmp_path / "fraud" / "requirements-local.txt").unlink(missing_ok=True)
    shutil.rmtree(tmp_path / "demand")
    scaffold_model(tmp_path / "made", "demand_check")
    (tmp_path / "made" / "model_configs" / "demand_check").rename(tmp_path / "demand")
    build = machine(parts, tmp_path)
    done = build.run("door", own)
    assert done.returncode == 0, build.log("smoke")
    assert "fraud-check: Succeeded" in build.log("smoke")
    assert "demand-check" not in build.log("smoke")


def test_a_pull_request_of_the_app_is_checked_with_every_model(
    parts: Synthesis, tmp_path: Path
) -> None:
    build = machine(parts, tmp_path)
    own = sources(tmp_path)
    own |= {
        "CODEBUILD_SRC_DIR": own["CODEBUILD_SRC_DIR_source_0"],
        "CODEBUILD_SRC_DIR_source_0": own["CODEBUILD_SRC_DIR"],
    }
    assert build.run("app-door", own).returncode == 0
    assert build.log("smoke").splitlines() == ["smoke-run model= base= options=", *LAID_OUT]


def test_a_change_waits_for_a_free_build(parts: Synthesis, tmp_path: Path) -> None:
    build = machine(parts, tmp_path)
    build.be_busy_once()
    done = build.run("door", sources(tmp_path))
    assert done.returncode == 0
    assert "no build of review is free, attempt 1 of 60" in done.stdout


def test_fails_where_one_check_fails_after_both_were_waited_for(
    parts: Synthesis, tmp_path: Path
) -> None:
    failing = "pull-request-review:\n\t@false\nsmoke-run:\n\t@true\n"
    done = machine(parts, tmp_path).run("door", sources(tmp_path, failing))
    assert done.returncode == 1
    assert "review:1: FAILED" in done.stdout
    assert "smoke:1: SUCCEEDED" in done.stdout


def test_fails_where_no_build_can_be_started(parts: Synthesis, tmp_path: Path) -> None:
    own = {**sources(tmp_path), "BUILDS": "nowhere"}
    done = machine(parts, tmp_path).run("door", own)
    assert done.returncode == 1
    assert "attempt 60 of 60" in done.stdout
    assert "SUCCEEDED" not in done.stdout


@pytest.mark.parametrize("name", ["--checkpoint=1", "$(touch pwned)", "x;y", "a b"])
def test_names_of_files_are_names_and_nothing_else(
    parts: Synthesis, tmp_path: Path, name: str
) -> None:
    own = sources(tmp_path)
    (tmp_path / "fraud" / name).write_text("", "utf-8")
    build = machine(parts, tmp_path)
    assert build.run("door", own).returncode == 0
    assert name in build.log("smoke")
    assert not list(tmp_path.rglob("pwned"))


def test_a_link_out_of_a_repository_is_handed_over_as_a_link(
    parts: Synthesis, tmp_path: Path
) -> None:
    own = sources(tmp_path)
    (tmp_path / "fraud" / "link").symlink_to("/etc")
    build = machine(parts, tmp_path)
    assert build.run("door", own).returncode == 0
    assert "model_configs/fraud-detection/link\n" in build.log("smoke")
    assert "passwd" not in build.log("smoke")


def test_a_repository_that_brings_a_buildspec_changes_nothing(
    parts: Synthesis, tmp_path: Path
) -> None:
    own = sources(tmp_path)
    evil = json.dumps({"version": 0.2, "phases": {"build": {"commands": ["touch pwned"]}}})
    (tmp_path / "fraud" / "buildspec.yml").write_text(evil, "utf-8")
    assert machine(parts, tmp_path).run("door", own).returncode == 0
    assert not list(tmp_path.rglob("pwned"))
