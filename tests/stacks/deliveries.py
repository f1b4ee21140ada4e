"""Synthesizes a delivery as the app does, and reads what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import NIST80053R5Checks

from smp.definition.compiled import CompiledPipeline, Json
from stacks.delivery import add_delivery
from stacks.delivery_plan import load_delivery
from stacks.environment import new_app
from tests.stacks.synthesis import FLAGS, ROOT, Synthesis, policy_checks

DELIVERY_STACK = "Smp-Delivery"
STAGES = ("dev", "prod")
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
    checks = policy_checks()
    app = new_app(FLAGS, directory)
    add_delivery(app, plan, {each.name: pipelines for each in plan.deployments}, ROOT)
    checks.add_to(app)
    cdk.Validations.of(app).add_plugins(NIST80053R5Checks(app))
    app.synth()
    return Synthesis(directory)


def kinds(synthesis: Synthesis, kind: str) -> dict[str, Json]:
    return {
        name: resource["Properties"]
        for name, resource in synthesis.resources(DELIVERY_STACK, kind).items()
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
    directory = synthesis.directory / f"assembly-{DELIVERY_STACK}-{stage}"
    artifacts = json.loads((directory / "manifest.json").read_text())["artifacts"].values()
    return {
        artifact["properties"]["stackName"]: (
            directory / artifact["properties"]["templateFile"]
        ).read_text()
        for artifact in artifacts
        if artifact["type"] == "aws:cloudformation:stack"
    }


def publishing(delivery: Synthesis) -> str:
    """Return the name of the file with the commands of the build that publishes files."""
    name: str = project(delivery, "PipelineAssets")["Source"]["BuildSpec"]
    return name
