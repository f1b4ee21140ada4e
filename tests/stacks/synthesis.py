"""Synthesizes an environment as the app does and reads its templates back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from cdk_nag import NIST80053R5Checks

from smp.definition.compiled import CompiledPipeline, Json
from stacks.environment import Environment, new_app
from stacks.policy_checks import PolicyChecks
from stacks.settings import Deployment, EnvironmentSettings

ROOT = Path(__file__).resolve().parents[2]
FLAGS = {
    key: value
    for key, value in json.loads((ROOT / "cdk.json").read_text("utf-8"))["context"].items()
    if key.startswith("@aws-cdk")
}


@dataclass(frozen=True)
class Asked:
    """An environment by its name: settings, and the pipelines that it is to have."""

    name: str
    settings: Mapping[str, Any]
    pipelines: Iterable[CompiledPipeline]


@cache
def policy_checks() -> PolicyChecks:
    """Return the checks of the app: their engine takes longer to start than most syntheses, and 150 MiB."""
    return PolicyChecks().ready()


def synthesize(
    directory: Path,
    pipelines: Iterable[CompiledPipeline],
    settings: Mapping[str, Any],
    name: str = "default",
) -> Synthesis:
    """Make every stack of an environment, with the policy checks of the app and NIST 800-53 R5."""
    return synthesize_all(directory, [Asked(name, settings, pipelines)])


def synthesize_all(directory: Path, environments: Iterable[Asked]) -> Synthesis:
    """Make several environments in one app: starting the CDK is the slow part."""
    checks = policy_checks()
    app = new_app(FLAGS, directory)
    for asked in environments:
        deployment = Deployment(
            name=asked.name,
            model_configs="unused",
            environment=EnvironmentSettings.model_validate(dict(asked.settings)),
        )
        Environment(app, deployment).add_pipelines(asked.pipelines)
    checks.add_to(app)
    cdk.Validations.of(app).add_plugins(NIST80053R5Checks(app))
    app.synth()
    return Synthesis(directory)


@dataclass(frozen=True)
class Synthesis:
    """What lies in a cloud assembly."""

    directory: Path

    def names(self) -> set[str]:
        return {path.name.removesuffix(".template.json") for path in self._templates()}

    def text(self, stack: str) -> str:
        return (self.directory / f"{stack}.template.json").read_text("utf-8")

    def template(self, stack: str) -> Json:
        template: Json = json.loads(self.text(stack))
        return template

    def resources(self, stack: str, kind: str) -> dict[str, Json]:
        """Return the resources of a type by logical id."""
        found = self.template(stack)["Resources"].items()
        return {name: resource for name, resource in found if resource["Type"] == kind}

    def statements(self, stack: str, policy: str) -> dict[str, Json]:
        """Return the statements of the managed policy whose logical id begins so, by Sid."""
        (resource,) = (
            resource
            for name, resource in self.resources(stack, "AWS::IAM::ManagedPolicy").items()
            if name.startswith(policy)
        )
        document = resource["Properties"]["PolicyDocument"]
        return {statement["Sid"]: statement for statement in document["Statement"]}

    def _templates(self) -> Iterable[Path]:
        return self.directory.glob("*.template.json")


def shown(value: Any) -> Any:
    """Return a template's value with its functions flattened: `arn:<AWS::Partition>:s3:::x`."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        separator, items = value["Fn::Join"]
        return separator.join(str(shown(item)) for item in items)
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    if "Fn::ImportValue" in value:
        return f"<{value['Fn::ImportValue'].removeprefix('Smp-Foundation:')}>"
    return {key: shown(item) for key, item in value.items()}
