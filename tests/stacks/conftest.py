"""One synthesis for most tests: starting the CDK is the slow part."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from smp.definition.triggers import Schedule
from tests.stacks.deliveries import settings, synthesize_delivery
from tests.stacks.pipelines import TRIGGERS, full_pipeline, many_steps, processing_only
from tests.stacks.synthesis import ROOT, Synthesis, synthesize, synthesize_all
from tests.stacks.targets import environments

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots", action="store_true", help="write the templates that are compared"
    )


@pytest.fixture(scope="session")
def update_snapshots(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--update-snapshots", default=False))


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="session")
def agnostic(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """No account, no region, a way out, three pipelines: `churn`, `prepare` (egress), `wide` (large)."""
    pipelines = [
        full_pipeline(store),
        processing_only(store, internet_egress=True),
        many_steps(store, 60),
    ]
    directory = tmp_path_factory.mktemp("agnostic")
    return synthesize(directory, pipelines, {"network": {"internetEgress": True}})


@pytest.fixture(scope="session")
def isolated(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """A named account and region, no way out, tags, `churn` and another pipeline."""
    settings = {"account": "123456789012", "region": "eu-west-1", "tags": {"stage": "production"}}
    pipelines = [full_pipeline(store, "another"), full_pipeline(store)]
    return synthesize(tmp_path_factory.mktemp("isolated"), pipelines, settings, "production")


@pytest.fixture(scope="session")
def brought(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """Key, bucket, network and job role are somebody else's."""
    settings = {
        "account": "123456789012",
        "region": "eu-west-1",
        "kmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
        "bucketName": "company-pipelines",
        "jobRoleArn": "arn:aws:iam::123456789012:role/company/jobs",
        "network": {
            "subnetIds": ["subnet-1", "subnet-2"],
            "egressSubnetIds": ["subnet-3"],
            "securityGroupIds": ["sg-1"],
        },
    }
    pipelines = [full_pipeline(store), processing_only(store, internet_egress=True)]
    return synthesize(tmp_path_factory.mktemp("brought"), pipelines, settings)


@pytest.fixture(scope="session")
def triggered(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """`churn` with a trigger of each type and one that is switched off; `prepare` with a schedule."""
    schedule = Schedule("weekly", expression="rate(7 days)", start="2030-01-01T05:00:00Z")
    pipelines = [
        full_pipeline(store, triggers=TRIGGERS),
        processing_only(store, "prepare-Everything", triggers=(schedule,)),
        processing_only(store, "untriggered", triggers=(replace(schedule, enabled=False),)),
    ]
    settings = {"account": "123456789012", "region": "eu-west-1"}
    return synthesize(tmp_path_factory.mktemp("triggered"), pipelines, settings)


@pytest.fixture(scope="session")
def delivery(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """Sources of every kind, dev and prod in two regions, an approval before prod."""
    pipelines = [full_pipeline(store), processing_only(store, internet_egress=True)]
    return synthesize_delivery(tmp_path_factory.mktemp("delivery"), pipelines, settings())


@pytest.fixture(scope="session")
def targeted(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Synthesis:
    """Four environments, by where Airflow is: `managed`, `hosted`, `serverless` and `brought`."""
    return synthesize_all(tmp_path_factory.mktemp("targeted"), environments(store))
