"""The workflows for GitHub: valid, harmless by a tool's judgement, and their commands do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / "delivery" / "github").glob("*.yml"))
PROGRAMS = Path(sys.executable).parent
by_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)

CHECK_WITHOUT_AWS = {"contents": "read"}
COMPARE = {"contents": "read", "id-token": "write"}


def load(file: Path) -> dict[str, Any]:
    # A YAML 1.1 reader takes the key `on` for a truth value.
    text = re.sub(r"^on:$", '"on":', file.read_text("utf-8"), flags=re.MULTILINE)
    return dict(yaml.safe_load(text))


def steps(file: Path, job: str) -> dict[str, dict[str, Any]]:
    return {step["name"]: step for step in load(file)["jobs"][job]["steps"] if "name" in step}


def judged(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / program, *arguments], capture_output=True, text=True, check=False
    )


def test_there_is_one_for_the_app_and_one_for_a_model() -> None:
    assert [file.stem for file in WORKFLOWS] == ["app-pull-request", "model-pull-request"]


@by_workflow
def test_it_has_the_form_of_a_workflow(file: Path) -> None:
    done = judged("check-jsonschema", "--builtin-schema", "vendor.github-workflows", file)
    assert done.returncode == 0, done.stdout


@by_workflow
def test_an_auditor_of_workflows_finds_nothing(file: Path) -> None:
    done = judged("zizmor", "--offline", "--persona=pedantic", "--format=plain", file)
    assert done.returncode == 0, done.stdout


def test_fails_the_audit_where_a_title_gets_into_a_command(tmp_path: Path) -> None:
    text = WORKFLOWS[0].read_text("utf-8")
    bad = tmp_path / "bad.yml"
    bad.write_text(text.replace('"$BASE"', "${{ github.event.pull_request.title }}"), "utf-8")
    assert judged("zizmor", "--offline", "--format=plain", bad).returncode != 0


@by_workflow
def test_a_job_has_the_code_or_a_token_that_reads_and_never_more(file: Path) -> None:
    workflow = load(file)
    assert workflow["permissions"] == {}
    assert list(workflow["on"]) == ["pull_request"]
    jobs = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    assert jobs == {"check": CHECK_WITHOUT_AWS, "deployed": COMPARE}
    assert "github.event.pull_request.head.repo.full_name" in workflow["jobs"]["deployed"]["if"]


@by_workflow
def test_no_script_of_a_model_runs_where_there_is_a_token(file: Path) -> None:
    commands = [step.get("run", "") for step in load(file)["jobs"]["deployed"]["steps"]]
    assert not any("smoke-run" in command or "check" in command for command in commands)


@by_workflow
def test_every_action_is_pinned_to_a_commit_and_keeps_no_credentials(file: Path) -> None:
    for job in load(file)["jobs"].values():
        for step in job["steps"]:
            if "uses" not in step:
                continue
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])
            if step["uses"].startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


@by_workflow
def test_every_command_is_a_script_and_names_a_target_that_is_there(file: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for job in load(file)["jobs"].values():
        for step in job["steps"]:
            command = step.get("run", "")
            checked = subprocess.run(["bash", "-n", "-c", command], check=False)
            assert checked.returncode == 0
            for target in re.findall(r"make ([a-z-]+)", command):
                assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def run(command: str, place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step's command as a runner does: with bash, which ends at the first failure."""
    programs = [str(place / "bin"), str(PROGRAMS), os.environ["PATH"]]
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
        cwd=place,
        env={"PATH": os.pathsep.join(programs), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def pretend(place: Path, program: str, script: str) -> None:
    file = place / "bin" / program
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    file.chmod(0o755)


@by_workflow
def test_the_token_is_written_as_it_is(file: Path, tmp_path: Path) -> None:
    pretend(tmp_path, "curl", f"echo \"$@\" > asked; echo '{json.dumps({'value': 'e.y.J'})}'")
    done = run(
        steps(file, "deployed")["Get a token"]["run"],
        tmp_path,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="t",
        ACTIONS_ID_TOKEN_REQUEST_URL="https://token?x=1",
        TOKEN=str(tmp_path / "token"),
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "token").read_text() == "e.y.J"
    assert "https://token?x=1&audience=sts.amazonaws.com" in (tmp_path / "asked").read_text()


@by_workflow
def test_fails_where_no_token_is_given(file: Path, tmp_path: Path) -> None:
    pretend(tmp_path, "curl", "exit 22")
    done = run(
        steps(file, "deployed")["Get a token"]["run"],
        tmp_path,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="t",
        ACTIONS_ID_TOKEN_REQUEST_URL="https://token",
        TOKEN=str(tmp_path / "token"),
    )
    assert done.returncode != 0


@by_workflow
def test_what_is_deployed_is_compared_through_the_role_that_reads(
    file: Path, tmp_path: Path
) -> None:
    pretend(tmp_path, "make", 'for argument; do echo "$argument"; done')
    done = run(
        steps(file, "deployed")["Compare"]["run"],
        tmp_path,
        MODEL="fraud_detection",
        ENVIRONMENT="dev",
        REGION="eu-west-1",
        REVIEW_ROLE="arn:aws:iam::222222222222:role/Smp-dev-delivery-review",
    )
    model = ["MODEL=fraud_detection"] if file.stem.startswith("model") else []
    assert done.stdout.splitlines() == [
        "pull-request-review",
        *model,
        "BASE=deployed",
        "AWS_OPTIONS=--environment dev --region eu-west-1 "
        "--assume-role arn:aws:iam::222222222222:role/Smp-dev-delivery-review",
    ]


@by_workflow
def test_the_review_is_shown(file: Path, tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build" / "review.md").write_text("# What changes\n", "utf-8")
    summary = str(tmp_path / "summary")
    done = run(
        steps(file, "deployed")["Show the review"]["run"], tmp_path, GITHUB_STEP_SUMMARY=summary
    )
    assert done.returncode == 0
    assert Path(summary).read_text("utf-8") == "# What changes\n"


def test_a_run_without_a_review_shows_none(tmp_path: Path) -> None:
    command = steps(WORKFLOWS[0], "check")["Show the review"]["run"]
    assert run(command, tmp_path, GITHUB_STEP_SUMMARY=str(tmp_path / "summary")).returncode == 0
    assert not (tmp_path / "summary").exists()


def test_the_sdk_takes_the_role_from_the_variables_of_the_step() -> None:
    """botocore reads exactly these, so that no action of a third party is needed."""
    for file in WORKFLOWS:
        names = set(steps(file, "deployed")["Compare"]["env"])
        assert {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"} <= names
