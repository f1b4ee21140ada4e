"""What the delivery promises: who may do what, what starts it, and what it runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compiled import Json
from stacks.settings import EnvironmentSettings
from tests.stacks.deliveries import CONNECTION, ENVIRONMENTS, settings, synthesize_delivery
from tests.stacks.pipelines import full_pipeline, processing_only
from tests.stacks.synthesis import ROOT, Synthesis, shown, synthesize

DELIVERY = "Smp-Delivery"
STAGES = ("dev", "prod")
BOOTSTRAP = re.compile(r"role/cdk-hnb659fds-(deploy|file-publishing|cfn-exec|lookup)-role-")


def kinds(synthesis: Synthesis, kind: str) -> dict[str, Json]:
    return {
        name: resource["Properties"]
        for name, resource in synthesis.resources(DELIVERY, kind).items()
    }


def pipeline(synthesis: Synthesis) -> Json:
    (found,) = kinds(synthesis, "AWS::CodePipeline::Pipeline").values()
    return found


def actions(synthesis: Synthesis, stage: str) -> dict[str, Json]:
    (found,) = (each for each in pipeline(synthesis)["Stages"] if each["Name"] == stage)
    return {action["Name"]: action for action in found["Actions"]}


def project(synthesis: Synthesis, name: str) -> Json:
    (found,) = (
        each for key, each in kinds(synthesis, "AWS::CodeBuild::Project").items() if name in key
    )
    return found


def commands(synthesis: Synthesis, name: str) -> list[str]:
    phases = json.loads(project(synthesis, name)["Source"]["BuildSpec"])["phases"]
    return [
        command
        for phase in ("install", "pre_build", "build")
        for command in phases.get(phase, {}).get("commands", [])
    ]


def policies(synthesis: Synthesis, role: str = "") -> Iterator[Json]:
    """Yield the statements of the roles whose logical id begins so; without a beginning, of all."""
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for policy in kinds(synthesis, kind).values():
            if any(str(each["Ref"]).startswith(role) for each in policy["Roles"]):
                yield from policy["PolicyDocument"]["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions_of(statements: Iterator[Json]) -> set[str]:
    return {action for each in statements for action in listed(each["Action"])}


def environment_templates(synthesis: Synthesis, stage: str) -> dict[str, str]:
    """Return the text of each stack's template in a stage, by the stack's name."""
    directory = synthesis.directory / f"assembly-{DELIVERY}-{stage}"
    artifacts = json.loads((directory / "manifest.json").read_text())["artifacts"].values()
    return {
        artifact["properties"]["stackName"]: (
            directory / artifact["properties"]["templateFile"]
        ).read_text()
        for artifact in artifacts
        if artifact["type"] == "aws:cloudformation:stack"
    }


# What starts it.


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


# What it runs.


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


def test_the_synth_build_may_deploy_nothing_and_is_given_no_secret(delivery: Synthesis) -> None:
    allowed = actions_of(policies(delivery, "PipelineBuildSynth"))
    assert {action.partition(":")[0] for action in allowed} == {"codebuild", "kms", "logs", "s3"}
    assert "EnvironmentVariables" not in project(delivery, "CdkBuildProject")["Environment"]


def test_versions_of_installed_tools_are_pinned(delivery: Synthesis) -> None:
    pinned = json.loads((ROOT / "package.json").read_text("utf-8"))["devDependencies"]
    assert commands(delivery, "SelfMutation")[0] == f"npm install -g aws-cdk@{pinned['aws-cdk']}"
    text = (delivery.directory / publishing(delivery)).read_text("utf-8")
    assert f"npm install -g cdk-assets@{pinned['cdk-assets']}" in text
    assert "@latest" not in text + delivery.text(DELIVERY)


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
    assert re.fullmatch(r"#\{Source@[\w-]+\.CommitId\}", commit["value"])


# Who may do what.


def test_nothing_is_deployed_but_by_the_bootstrap_roles(delivery: Synthesis) -> None:
    for stage in STAGES:
        for action in actions(delivery, stage).values():
            if action["ActionTypeId"]["Category"] != "Deploy":
                continue
            assert "cdk-hnb659fds-deploy-role-" in shown(action["RoleArn"])
            if "RoleArn" in action["Configuration"]:
                assert "cdk-hnb659fds-cfn-exec-role-" in shown(action["Configuration"]["RoleArn"])
    deploying = re.compile(r"cloudformation:(?!DescribeStacks$)|iam:(?!PassRole$)|lambda:|ec2:")
    assert [each for each in actions_of(policies(delivery)) if deploying.match(each)] == []


def test_roles_take_no_other_roles_than_those_made_for_it(delivery: Synthesis) -> None:
    taken = set()
    for statement in policies(delivery):
        if "sts:AssumeRole" in listed(statement["Action"]):
            if "Condition" in statement:
                assert statement["Condition"] == {
                    "ForAnyValue:StringEquals": {
                        "iam:ResourceTag/aws-cdk:bootstrap-role": [
                            "image-publishing",
                            "file-publishing",
                            "deploy",
                        ]
                    }
                }
                continue
            taken |= {str(each) for each in map(shown, listed(statement["Resource"]))}
    own = re.compile(r"role/Smp-(dev|prod)-delivery-(start|review)$")
    assert taken
    assert [arn for arn in taken if not (own.search(arn) or BOOTSTRAP.search(arn))] == []


def test_no_role_may_do_everything(delivery: Synthesis) -> None:
    for statement in policies(delivery):
        assert statement["Effect"] == "Deny" or not {
            action
            for action in listed(statement["Action"])
            if action.endswith(":*") or action == "*"
        }
        managed = kinds(delivery, "AWS::IAM::Role").values()
        assert [role for role in managed if role.get("ManagedPolicyArns")] == []


def test_the_build_that_publishes_files_starts_no_other_build(delivery: Synthesis) -> None:
    denied = [each for each in policies(delivery, "PipelineAssets") if each["Effect"] == "Deny"]
    assert [(each["Action"], each["Resource"]) for each in denied] == [
        (["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"], "*")
    ]


def test_everything_at_rest_is_encrypted_with_the_deliverys_key(delivery: Synthesis) -> None:
    (key,) = kinds(delivery, "AWS::KMS::Key")
    arn = f"<{key}.Arn>"
    assert kinds(delivery, "AWS::KMS::Key")[key]["EnableKeyRotation"] is True
    for name, bucket in kinds(delivery, "AWS::S3::Bucket").items():
        if "AccessLogs" not in name:
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            found = shown(rule["ServerSideEncryptionByDefault"])
            assert found == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    for group in kinds(delivery, "AWS::Logs::LogGroup").values():
        assert shown(group["KmsKeyId"]) == arn
        assert group["RetentionInDays"] == 365
    for build in kinds(delivery, "AWS::CodeBuild::Project").values():
        assert shown(build["EncryptionKey"]) == arn
        assert build["LogsConfig"]["CloudWatchLogs"]["Status"] == "ENABLED"
    for topic in kinds(delivery, "AWS::SNS::Topic").values():
        assert shown(topic["KmsMasterKeyId"]) == arn
    keys = {
        each["Region"]: shown(each["ArtifactStore"]["EncryptionKey"])
        for each in pipeline(delivery)["ArtifactStores"]
    }
    assert keys == {
        "eu-west-1": {"Id": arn, "Type": "KMS"},
        "us-east-1": {
            "Id": "arn:aws:kms:us-east-1:111111111111:alias/smp-delivery-us-east-1",
            "Type": "KMS",
        },
    }


def test_artifacts_in_another_region_are_read_by_the_role_that_deploys_there(
    delivery: Synthesis,
) -> None:
    stack = f"{DELIVERY}-us-east-1"
    (policy,) = (
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in delivery.resources(stack, "AWS::S3::BucketPolicy").items()
        if "AccessLogs" not in name
    )
    readers = {str(shown(each["Principal"])) for each in policy if each["Effect"] == "Allow"}
    role = "arn:aws:iam::333333333333:role/cdk-hnb659fds-deploy-role-333333333333-us-east-1"
    assert readers == {str({"AWS": role})}
    assert delivery.resources(stack, "AWS::KMS::Alias")


def test_stateful_resources_outlive_the_stack_and_keep_their_names(delivery: Synthesis) -> None:
    kinds_of_state = ("AWS::KMS::Key", "AWS::S3::Bucket", "AWS::Logs::LogGroup")
    found = {
        name: resource["DeletionPolicy"]
        for kind in kinds_of_state
        for name, resource in delivery.resources(DELIVERY, kind).items()
        if not name.startswith("PullRequests")
    }
    assert found == dict.fromkeys(
        (
            "EncryptionKey3A692D6E",
            "ArtifactsBucket88671897",
            "ArtifactsAccessLogs4D97777C",
            "Log95422804",
        ),
        "Retain",
    )


# What it deploys.


def test_each_stage_deploys_the_stacks_of_its_environment(delivery: Synthesis) -> None:
    for stage in STAGES:
        assert set(environment_templates(delivery, stage)) == {
            f"Smp-{stage}-Foundation",
            f"Smp-{stage}-DeliveryAccess",
            f"Smp-{stage}-Pipeline-churn",
            f"Smp-{stage}-Pipeline-prepare",
        }


@pytest.mark.parametrize("stage", STAGES)
def test_stacks_are_those_of_a_direct_deployment(
    delivery: Synthesis, stage: str, store: Path, tmp_path: Path
) -> None:
    pipelines = [full_pipeline(store), processing_only(store, internet_egress=True)]
    assert EnvironmentSettings.model_validate(ENVIRONMENTS[stage]).region
    direct = synthesize(tmp_path, pipelines, ENVIRONMENTS[stage], stage)
    delivered = environment_templates(delivery, stage)
    del delivered[f"Smp-{stage}-DeliveryAccess"]
    assert delivered == {name: direct.text(name) for name in direct.names()}


def test_a_changed_model_changes_its_own_stacks_alone(
    delivery: Synthesis, store: Path, tmp_path: Path
) -> None:
    changed = replace(full_pipeline(store), description="Another one")
    again = synthesize_delivery(
        tmp_path, [changed, processing_only(store, internet_egress=True)], settings()
    )
    assert again.text(DELIVERY) == delivery.text(DELIVERY)
    for stage in STAGES:
        before, after = (environment_templates(each, stage) for each in (delivery, again))
        assert set(before) == set(after)
        different = {name for name, text in after.items() if text != before[name]}
        assert different == {f"Smp-{stage}-Pipeline-churn"}


def access(delivery: Synthesis, stage: str, kind: str) -> list[Json]:
    template = json.loads(environment_templates(delivery, stage)[f"Smp-{stage}-DeliveryAccess"])
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == kind]


def test_an_environment_trusts_single_roles_of_the_delivery_by_name(delivery: Synthesis) -> None:
    for stage, review in (("dev", ["Review-dev", "PullRequests"]), ("prod", ["Review-prod"])):
        trusted = {}
        for role in access(delivery, stage, "AWS::IAM::Role"):
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert shown(statement["Principal"]) == {"AWS": "arn:aws:iam::111111111111:root"}
            trusted[role["RoleName"]] = shown(statement["Condition"])
        prefix = "arn:aws:iam::111111111111:role/Smp-Delivery-"
        assert trusted == {
            f"Smp-{stage}-delivery-start": {
                "ArnEquals": {"aws:PrincipalArn": [f"{prefix}Start-{stage}"]}
            },
            f"Smp-{stage}-delivery-review": {
                "ArnEquals": {"aws:PrincipalArn": [f"{prefix}{name}" for name in review]}
            },
        }


def test_the_start_role_starts_the_environments_pipelines_and_no_other(delivery: Synthesis) -> None:
    statements = {
        statement["Sid"]: statement
        for policy in access(delivery, "dev", "AWS::IAM::ManagedPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
    }
    arn = "arn:aws:sagemaker:eu-west-1:222222222222:pipeline"
    assert statements["StartPipelines"]["Resource"] == [f"{arn}/churn", f"{arn}/prepare"]
    assert statements["StartPipelines"]["Action"] == [
        "sagemaker:DescribePipeline",
        "sagemaker:ListPipelineExecutions",
        "sagemaker:StartPipelineExecution",
    ]
    changing = re.compile(r"sagemaker:(Create|Update|Delete|Stop|Add)")
    allowed = [action for each in statements.values() for action in listed(each["Action"])]
    assert [action for action in allowed if changing.match(action)] == []


# Publishing.


def publishing(delivery: Synthesis) -> str:
    name: str = project(delivery, "PipelineAssets")["Source"]["BuildSpec"]
    return name


def test_one_build_publishes_the_files_of_all_stages(delivery: Synthesis) -> None:
    spec = json.loads((delivery.directory / publishing(delivery)).read_text("utf-8"))
    published = spec["phases"]["build"]["commands"]
    for stage in STAGES:
        assert any(f"assembly-{DELIVERY}-{stage}/" in command for command in published)


def test_the_pinned_program_reads_the_manifests_that_the_build_hands_it(
    delivery: Synthesis, tmp_path: Path
) -> None:
    spec = json.loads((delivery.directory / publishing(delivery)).read_text("utf-8"))
    (declare,) = spec["phases"]["pre_build"]["commands"]
    name = f"{DELIVERY}.assets.json"
    kept = json.loads((delivery.directory / name).read_text("utf-8"))
    (tmp_path / name).write_text(json.dumps(kept, indent=2), encoding="utf-8")
    subprocess.run(["sh", "-c", declare], cwd=tmp_path, check=True)
    read = json.loads((tmp_path / name).read_text("utf-8"))
    assert {**read, "version": kept["version"]} == kept
    done = subprocess.run(
        [
            ROOT / ".venv" / "bin" / "node",
            ROOT / "node_modules" / "cdk-assets" / "bin" / "cdk-assets",
            *("--path", name, "ls"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(each in done.stdout for each in kept["files"])


# Other settings.


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """The app alone, from S3, in a network of its own, to one environment in the delivery's account."""
    changes = {
        "repository": {"type": "s3", "bucket": "company-models", "key": "app.zip"},
        "models": {},
        "stages": [{"environment": "near", "approval": True, "startPipelines": False}],
        "network": {
            "vpcId": "vpc-12345678",
            "subnetIds": ["subnet-12345678", "subnet-87654321"],
            "securityGroupIds": ["sg-12345678"],
        },
        "logDays": 30,
        "notifications": {},
        "pullRequests": {"githubActions": {"repositories": ["example-org/app"]}},
    }
    smp = settings(**changes)
    near = {"account": "111111111111", "region": "eu-west-1"}
    smp["environments"] = {"near": {**near, "network": {"internetEgress": True}}}
    directory = tmp_path_factory.mktemp("small")
    return synthesize_delivery(directory, [full_pipeline(store)], smp)


@pytest.mark.slow
def test_one_region_needs_one_stack(small: Synthesis) -> None:
    assert small.names() == {DELIVERY}
    assert "ArtifactStores" not in pipeline(small)


@pytest.mark.slow
def test_builds_run_in_the_network_that_the_settings_name(small: Synthesis) -> None:
    for build in kinds(small, "AWS::CodeBuild::Project").values():
        assert build["VpcConfig"] == {
            "VpcId": "vpc-12345678",
            "Subnets": ["subnet-12345678", "subnet-87654321"],
            "SecurityGroupIds": ["sg-12345678"],
        }
        assert build.get("Cache", {}).get("Type") in (None, "NO_CACHE")


@pytest.mark.slow
def test_a_stage_that_starts_nothing_has_no_role_for_it(small: Synthesis) -> None:
    assert "StartPipelines" not in actions(small, "near")
    text = environment_templates(small, "near")["Smp-near-DeliveryAccess"]
    assert "Smp-near-delivery-start" not in text
    assert "Smp-Delivery-GithubActions" in text


@pytest.mark.slow
def test_an_app_from_s3_starts_the_delivery_with_an_upload(small: Synthesis) -> None:
    (rule,) = kinds(small, "AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"]["object"] == {"key": ["app.zip"]}
    assert "Triggers" not in pipeline(small)
