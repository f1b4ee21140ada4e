"""Synthesizes a delivery as the app does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import NIST80053R5Checks

from smp.compiler.compiled import CompiledPipeline
from stacks.delivery import add_delivery
from stacks.delivery_plan import load_delivery
from stacks.environment import new_app
from stacks.policy_checks import PolicyChecks
from tests.stacks.synthesis import FLAGS, ROOT, Synthesis

NOTHING: Mapping[str, str] = {}
CONNECTION = (
    "arn:aws:codeconnections:eu-west-1:111111111111:connection/11111111-2222-3333-4444-555555555555"
)


def on_github(repository: str, **more: Any) -> dict[str, Any]:
    source = {"type": "codeconnections", "connectionArn": CONNECTION, "repository": repository}
    return {**source, **more}


def environment(account: str, region: str = "eu-west-1", **more: Any) -> dict[str, Any]:
    return {"account": account, "region": region, "network": {"internetEgress": True}, **more}


ENVIRONMENTS = {
    "default": {},
    "dev": environment("222222222222"),
    "prod": environment("333333333333", "us-east-1", tags={"stage": "production"}),
}
DELIVERY: dict[str, Any] = {
    "account": "111111111111",
    "region": "eu-west-1",
    "repository": on_github("example-org/app"),
    "models": {
        "fraud_detection": on_github("example-org/fraud", branch="release", paths=["conf/**"]),
        "demand_forecast": {"type": "codecommit", "repository": "demand", "branch": "main"},
        "prices": {"type": "s3", "bucket": "company-models", "key": "prices/model.zip"},
    },
    "stages": [
        {"environment": "dev", "waitForPipelines": True},
        {"environment": "prod", "approval": True},
    ],
    "notifications": {"emails": ["team@example.com"]},
    "pullRequests": {"allowedActors": ["583231"]},
}


def settings(**changes: Any) -> dict[str, Any]:
    """Return settings with a complete delivery, some of its keys changed."""
    return {"environments": ENVIRONMENTS, "delivery": {**DELIVERY, **changes}}


def synthesize_delivery(
    directory: Path, pipelines: Sequence[CompiledPipeline], smp: Mapping[str, Any]
) -> Synthesis:
    """Make the delivery with the policy checks of the app and NIST 800-53 R5."""
    plan = load_delivery({"smp": smp}, NOTHING, directory)
    checks = PolicyChecks().ready()
    app = new_app(FLAGS, directory)
    add_delivery(app, plan, {each.name: pipelines for each in plan.deployments}, ROOT)
    checks.add_to(app)
    cdk.Validations.of(app).add_plugins(NIST80053R5Checks(app))
    app.synth()
    return Synthesis(directory)
