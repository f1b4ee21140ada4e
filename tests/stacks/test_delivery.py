"""What starts the delivery, and what it runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from stacks.delivery_settings import DeliverySettings
from stacks.delivery_sources import make_sources
from tests.stacks.deliveries import (
    CONNECTION,
    DELIVERY,
    DELIVERY_STACK,
    STAGES,
    actions,
    actions_of,
    commands,
    kinds,
    on_github,
    pipeline,
    policies,
    project,
    publishing,
    settings,
    synthesize_delivery,
)
from tests.stacks.synthesis import ROOT, Synthesis, shown


def test_each_repository_is_a_source(delivery: Synthesis) -> None:
    sources = actions(delivery, "Source")
    assert {name: action["ActionTypeId"]["Provider"] for name, action in sources.items()} == {
        "App": "CodeStarSourceConnection",
        "fraud_detection": "CodeStarSourceConnection",
        "demand_forecast": "CodeCommit",
        "prices": "S3",
    }
    assert sources["fraud_detection"]["Configuration"] == {
        "ConnectionArn": CONNECTION,
        "FullRepositoryId": "example-org/fraud",
        "BranchName": "release",
        "DetectChanges": False,
    }
    assert sources["prices"]["Configuration"]["PollForSourceChanges"] is False


def test_a_push_to_a_connected_branch_starts_it_where_its_paths_match(delivery: Synthesis) -> None:
    triggers = {
        trigger["GitConfiguration"]["SourceActionName"]: trigger["GitConfiguration"]["Push"]
        for trigger in pipeline(delivery)["Triggers"]
    }
    assert triggers == {
        "App": [{"Branches": {"Includes": ["main"]}}],
        "fraud_detection": [
            {"Branches": {"Includes": ["release"]}, "FilePaths": {"Includes": ["conf/**"]}}
        ],
    }


def test_a_push_to_codecommit_and_an_upload_start_it(delivery: Synthesis) -> None:
    found = kinds(delivery, "AWS::Events::Rule")
    patterns = {each["EventPattern"]["source"][0]: each for each in found.values()}
    commit = patterns["aws.codecommit"]["EventPattern"]
    assert shown(commit["resources"]) == ["arn:aws:codecommit:eu-west-1:111111111111:demand"]
    assert commit["detail"]["referenceName"] == ["main"]
    upload = patterns["aws.s3"]["EventPattern"]
    assert upload["detail"] == {
        "bucket": {"name": ["company-models"]},
        "object": {"key": ["prices/model.zip"]},
    }
    for rule in (patterns["aws.codecommit"], patterns["aws.s3"]):
        (target,) = rule["Targets"]
        assert shown(target["Arn"]).startswith("arn:aws:codepipeline:eu-west-1:111111111111:<")


def test_a_newer_push_takes_the_place_of_an_older_one(delivery: Synthesis) -> None:
    found = pipeline(delivery)
    assert found["PipelineType"] == "V2"
    assert found["ExecutionMode"] == "SUPERSEDED"
    assert found["RestartExecutionOnUpdate"] is True


def test_the_synth_build_lays_model_repositories_out_and_runs_the_apps_own_commands(
    delivery: Synthesis,
) -> None:
    action = actions(delivery, "Build")["Synth"]
    inputs = [each["Name"] for each in action["InputArtifacts"]]
    assert action["Configuration"]["PrimarySource"] == inputs[0] == "example_org_app_Source"
    *links, setup, build = commands(delivery, "CdkBuildProject")
    assert (setup, build) == ("make setup", "make build-assembly")
    linked = dict(
        found for link in links for found in re.findall(r'ln -s -- "\$(\w+)" "([\w/]+)"$', link)
    )
    assert linked == {
        f"CODEBUILD_SRC_DIR_{artifact}": f"model_configs/{name}"
        for artifact, name in {
            "example_org_fraud_Source": "fraud_detection",
            "demand_Source": "demand_forecast",
            inputs[-1]: "prices",
        }.items()
    }


@pytest.mark.parametrize("count", [4, 5, 16, 17, 49])
def test_any_number_of_repositories_that_the_settings_take_is_delivered(
    count: int, tmp_path: Path
) -> None:
    models = {f"model_{n}": on_github(f"example-org/model-{n}") for n in range(count)}
    made = synthesize_delivery(tmp_path, [], settings(models=models, pullRequests=None))
    every = {
        action["Name"]: action for stage in pipeline(made)["Stages"] for action in stage["Actions"]
    }
    assert max(len(action.get("InputArtifacts", [])) for action in every.values()) <= 5
    assert lay_out(made, every, tmp_path / "builds") == {f"model_{n}" for n in range(count)}


def lay_out(made: Synthesis, every: dict[str, Any], place: Path) -> set[str]:
    """Do what the builds do in order with an artifact a repository; return the models laid out."""
    sources = [name for name in every if name == "App" or name.startswith("model_")]
    artifacts = {}
    for name in sources:
        artifacts[every[name]["OutputArtifacts"][0]["Name"]] = place / "sources" / name
        (place / "sources" / name / "conf").mkdir(parents=True)
        (place / "sources" / name / "conf" / "name").write_text(name)
    builds = [name for name in every if name == "Synth" or name.startswith("Collect")]
    for name in sorted(builds, key=lambda name: every[name]["RunOrder"]):
        directory = place / name
        first, *more = [each["Name"] for each in every[name]["InputArtifacts"]]
        assert every[name]["Configuration"]["PrimarySource"] == first
        shutil.copytree(artifacts[first], directory)
        (directory / "model_configs").mkdir()
        key = every[name]["Configuration"]["ProjectName"]["Ref"]
        run = [command for command in commands(made, key) if not command.startswith("make ")]
        variables = {f"CODEBUILD_SRC_DIR_{each}": str(artifacts[each]) for each in more}
        subprocess.run(
            ["/bin/sh", "-ec", "\n".join(run)],
            cwd=directory,
            check=True,
            env={**os.environ, **variables},
        )
        for output in every[name].get("OutputArtifacts", []):
            artifacts[output["Name"]] = directory / "collected"
    found = {path.name: path for path in (place / "Synth" / "model_configs").iterdir()}
    assert all((path / "conf" / "name").read_text() == name for name, path in found.items())
    assert all(path.is_symlink() for path in found.values())
    return set(found)


def test_the_synth_build_may_deploy_nothing_and_is_given_no_secret(delivery: Synthesis) -> None:
    allowed = actions_of(policies(delivery, "PipelineBuildSynth"))
    assert {action.partition(":")[0] for action in allowed} == {"codebuild", "kms", "logs", "s3"}
    assert "EnvironmentVariables" not in project(delivery, "CdkBuildProject")["Environment"]


def test_versions_of_installed_tools_are_pinned(delivery: Synthesis) -> None:
    pinned = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    assert commands(delivery, "SelfMutation")[0] == f"npm install -g aws-cdk@{pinned['aws-cdk']}"
    text = (delivery.directory / publishing(delivery)).read_text("utf-8")
    assert f"npm install -g cdk-assets@{pinned['cdk-assets']}" in text
    assert "@latest" not in text + delivery.text(DELIVERY_STACK)


def test_no_build_is_privileged_and_all_have_a_pinned_image(delivery: Synthesis) -> None:
    for each in kinds(delivery, "AWS::CodeBuild::Project").values():
        assert each["Environment"]["PrivilegedMode"] is False
        assert each["Environment"]["Image"] == "aws/codebuild/standard:7.0"
        assert each["TimeoutInMinutes"] <= 2160


def test_a_stage_is_reviewed_and_approved_before_anything_is_deployed(delivery: Synthesis) -> None:
    order = {name: action["RunOrder"] for name, action in actions(delivery, "prod").items()}
    assert sorted(order, key=order.__getitem__)[:2] == ["Review", "Approve"]
    assert (
        order["Review"]
        < order["Approve"]
        < min(number for name, number in order.items() if name not in ("Review", "Approve"))
    )


def test_the_approval_shows_what_the_review_found(delivery: Synthesis) -> None:
    found = actions(delivery, "prod")
    approve, review = found["Approve"], found["Review"]
    assert approve["Configuration"]["CustomData"] == f"#{{{review['Namespace']}.APPROVAL_TEXT}}"
    spec = json.loads(project(delivery, "prodReview")["Source"]["BuildSpec"])
    assert spec["env"]["exported-variables"] == ["APPROVAL_TEXT"]
    roles = (
        "--assume-role arn:aws:iam::333333333333:role/Smp-prod-delivery-review"
        " --assume-role arn:aws:iam::333333333333:role/"
        "cdk-hnb659fds-lookup-role-333333333333-us-east-1 --region us-east-1"
    )
    assembly = "cdk.out/assembly-Smp-Delivery-prod"
    assert spec["phases"]["build"]["commands"] == [
        f".venv/bin/smp check-permissions --assembly {assembly} --environment prod {roles}"
        " > permissions.txt || test $? -eq 3",
        f".venv/bin/smp diff --base deployed --head {assembly} --format markdown -o review.md"
        f" {roles} || test $? -eq 3",
        "cat permissions.txt review.md",
        'export APPROVAL_TEXT="$(.venv/bin/python -m tools.approval_text permissions.txt review.md)"',
    ]


def test_pipelines_are_started_after_everything_is_deployed(delivery: Synthesis) -> None:
    for stage in STAGES:
        order = {name: action["RunOrder"] for name, action in actions(delivery, stage).items()}
        start = order.pop("StartPipelines")
        assert start > max(order.values())
    region = "--region eu-west-1"
    assert commands(delivery, "devStartPipelines")[-1] == (
        ".venv/bin/smp start --assembly cdk.out/assembly-Smp-Delivery-dev --once"
        ' --commit "$COMMIT" --wait'
        f" --assume-role arn:aws:iam::222222222222:role/Smp-dev-delivery-start {region}"
    )
    assert "--wait" not in commands(delivery, "prodStartPipelines")[-1]
    variables = actions(delivery, "dev")["StartPipelines"]["Configuration"]["EnvironmentVariables"]
    (commit,) = json.loads(variables)
    assert commit["name"] == "COMMIT"
    assert re.fullmatch(
        r"#\{Source@[\w-]+\.CommitId\}(, \w+ #\{Source@[\w-]+\.(CommitId|VersionId)\})+"
        r", delivery run #\{codepipeline\.PipelineExecutionId\}",
        commit["value"],
    )
    assert set(re.findall(r", (\w+) #", commit["value"])) == set(DELIVERY["models"])


def test_of_many_repositories_as_many_are_named_as_an_action_takes() -> None:
    models = {
        f"model_number_{n}": {"type": "s3", "bucket": "b-1", "key": "m.zip"} for n in range(40)
    }
    settings = DeliverySettings.model_validate({**DELIVERY, "models": models})
    text = make_sources(cdk.Stack(), settings).revisions
    assert re.search(r"model_number_8 .* and 31 more, delivery run ", text)
    written = re.sub(r"\$\{Token\[[^]]*\]\}", "#{Source@" + "c" * 42 + ".VersionId}", text)
    assert 700 < len(written) <= 850
