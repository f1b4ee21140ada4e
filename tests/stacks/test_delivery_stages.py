"""What a delivery deploys and publishes, and other settings than the usual ones."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.settings import EnvironmentSettings
from tests.stacks.deliveries import (
    DELIVERY_STACK,
    ENVIRONMENTS,
    STAGES,
    actions,
    environment_templates,
    kinds,
    pipeline,
    publishing,
    settings,
    synthesize_delivery,
)
from tests.stacks.pipelines import full_pipeline, processing_only
from tests.stacks.synthesis import ROOT, Synthesis, synthesize


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
    assert again.text(DELIVERY_STACK) == delivery.text(DELIVERY_STACK)
    for stage in STAGES:
        before, after = (environment_templates(each, stage) for each in (delivery, again))
        assert set(before) == set(after)
        different = {name for name, text in after.items() if text != before[name]}
        assert different == {f"Smp-{stage}-Pipeline-churn"}


def test_one_build_publishes_the_files_of_all_stages(delivery: Synthesis) -> None:
    spec = json.loads((delivery.directory / publishing(delivery)).read_text("utf-8"))
    published = spec["phases"]["build"]["commands"]
    for stage in STAGES:
        assert any(f"assembly-{DELIVERY_STACK}-{stage}/" in command for command in published)


def test_the_pinned_program_reads_the_manifests_that_the_build_hands_it(
    delivery: Synthesis, tmp_path: Path
) -> None:
    spec = json.loads((delivery.directory / publishing(delivery)).read_text("utf-8"))
    (declare,) = spec["phases"]["pre_build"]["commands"]
    name = f"{DELIVERY_STACK}.assets.json"
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


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """The app alone, from S3, in a network of its own, to one environment in the delivery's account.

    The environment has an Airflow, and its pipeline runs there and on Step Functions alone.
    """
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
    smp["environments"] = {"near": {**near, "orchestration": {"type": "mwaa"}}}
    directory = tmp_path_factory.mktemp("small")
    targets = ("airflow", "stepfunctions")
    return synthesize_delivery(directory, [full_pipeline(store, targets=targets)], smp)


@pytest.mark.slow
def test_airflow_is_there_before_the_dags_of_pipelines(small: Synthesis) -> None:
    deployed = {
        name.removesuffix(".Deploy"): action["RunOrder"]
        for name, action in actions(small, "near").items()
        if name.endswith(".Deploy")
    }
    order = [f"Smp-near-{name}" for name in ("Foundation", "Orchestration", "Pipeline-churn")]
    assert sorted(order, key=deployed.__getitem__) == order
    assert len({deployed[name] for name in order}) == 3
    template = json.loads(environment_templates(small, "near")["Smp-near-Pipeline-churn"])
    kinds_deployed = {resource["Type"] for resource in template["Resources"].values()}
    assert "AWS::StepFunctions::StateMachine" in kinds_deployed
    assert "AWS::SageMaker::Pipeline" not in kinds_deployed


@pytest.mark.slow
def test_one_region_needs_one_stack(small: Synthesis) -> None:
    assert small.names() == {DELIVERY_STACK}
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
