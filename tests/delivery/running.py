"""A delivery that runs on this machine: its repositories, its builds, and the emulated account.

It never decides what a delivery does: commands, their order and their sources come out of the template.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.delivery.codebuild import Build, BuildHost, Finished, builds_of
from tests.delivery.repositories import Repository
from tests.emulator.emulator import ACCOUNT, NODE, REGION, ROOT, Emulator

DELIVERY_ACCOUNT = "111111111111"
APP_SOURCE = "example_org_sagemaker_pipelines_Source"
MODEL_SOURCES = {
    "fraud_detection": "example_org_fraud_detection_Source",
    "demand_forecast": "demand_forecast_Source",
}
SYNTH_OUTPUT = "Synth_Output"
STAGE = "dev"


def change_settings(smp: dict[str, Any]) -> None:
    """Make of the bundled settings those of a delivery to the emulated account, in one stage."""
    dev = smp["environments"]["dev"]
    smp["environments"] = {"dev": {**dev, "account": ACCOUNT, "region": REGION}}
    smp["delivery"].update(account=DELIVERY_ACCOUNT, region=REGION)
    smp["delivery"]["stages"] = [{"environment": "dev", "approval": True}]


@dataclass
class Delivery:
    """What CodePipeline would do, action by action."""

    emulator: Emulator
    app: Repository
    models: Mapping[str, Repository]
    host: BuildHost
    artifacts: dict[str, Path] = field(default_factory=dict)

    def synthesize(self, **revisions: str) -> None:
        """Run the build that makes the assembly, of the newest commits or of these."""
        build = builds_of(self.artifacts[SYNTH_OUTPUT])["Build.Synth"]
        self._keep_output(build, self.try_to_synthesize(**revisions))

    def try_to_synthesize(self, **revisions: str) -> Finished:
        """Run that build without any right in any account, and keep nothing of it."""
        build = builds_of(self.artifacts[SYNTH_OUTPUT])["Build.Synth"]
        self._fetch(revisions)
        return self.host.run(build, self.artifacts, self._outside())

    def synthesize_by_hand(self) -> None:
        """Make the assembly as one who sets up a delivery does, in a checkout with the models."""
        self._fetch({})
        link = 'ln -s "$CODEBUILD_SRC_DIR_{0}" model_configs/{1}'
        commands = [
            "mkdir model_configs",
            *(link.format(source, name) for name, source in MODEL_SOURCES.items()),
            "make setup",
            "tools/cdk synth --quiet -c delivery=true",
        ]
        sources = (APP_SOURCE, *MODEL_SOURCES.values())
        build = Build({"install": [], "pre_build": [], "build": commands}, sources, "cdk.out")
        self._keep_output(build, self.host.run(build, self.artifacts, self._outside()))

    def run(self, action: str, **variables: str) -> Finished:
        """Run the build of an action of the delivery that was synthesized last."""
        build = builds_of(self.artifacts[SYNTH_OUTPUT])[action]
        return self.host.run(build, self.artifacts, {**self._as_build(), **variables})

    def run_at_once(self, action: str, variables: Sequence[Mapping[str, str]]) -> list[Finished]:
        """Run the build of an action several times at the same moment."""
        build = builds_of(self.artifacts[SYNTH_OUTPUT])[action]
        each = [{**self._as_build(), **more} for more in variables]
        return self.host.run_at_once(build, self.artifacts, each)

    def publish(self) -> None:
        """Upload the files of the assembly; the tool for it is installed already."""
        build = builds_of(self.artifacts[SYNTH_OUTPUT])["Assets.FileAssets"]
        phases = ("pre_build", "build")
        finished = self.host.run(build, self.artifacts, self._as_build(), phases=phases)
        assert finished.status == 0, finished.printed

    def deploy(self) -> str:
        """Deploy the stage's stacks with the tool, as its CloudFormation actions would."""
        return self.emulator.cdk(
            *("--app", str(self.artifacts[SYNTH_OUTPUT])),
            *("deploy", f"Smp-Delivery/{STAGE}/*"),
            *("--require-approval", "never"),
        )

    def templates(self) -> dict[str, str]:
        """Return every template of the assembly that was synthesized last, by its name."""
        output = self.artifacts[SYNTH_OUTPUT]
        found = output.rglob("*.template.json")
        return {path.relative_to(output).as_posix(): path.read_text("utf-8") for path in found}

    def definitions(self) -> dict[str, str]:
        """Return what is deployed, by the pipelines' names."""
        sagemaker = self.emulator.client("sagemaker")
        names = [p["PipelineName"] for p in sagemaker.list_pipelines()["PipelineSummaries"]]
        return {
            name: sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"]
            for name in sorted(names)
        }

    def executions(self) -> dict[str, int]:
        """Return how often each deployed pipeline was started."""
        return {name: len(self._executions_of(name)) for name in self.definitions()}

    def descriptions(self, pipeline: str) -> list[str]:
        """Return what each execution of a pipeline says of itself, the oldest first."""
        describe = self.emulator.client("sagemaker").describe_pipeline_execution
        return [
            describe(PipelineExecutionArn=arn)["PipelineExecutionDescription"]
            for arn in self._executions_of(pipeline)
        ]

    def executed_definitions(self, pipeline: str) -> list[str]:
        """Return the definition that each execution of a pipeline runs, the oldest first."""
        describe = self.emulator.client("sagemaker").describe_pipeline_definition_for_execution
        return [
            describe(PipelineExecutionArn=arn)["PipelineDefinition"]
            for arn in self._executions_of(pipeline)
        ]

    def _executions_of(self, pipeline: str) -> list[str]:
        pages = self.emulator.client("sagemaker").get_paginator("list_pipeline_executions")
        listed = [
            item["PipelineExecutionArn"]
            for page in pages.paginate(PipelineName=pipeline)
            for item in page["PipelineExecutionSummaries"]
        ]
        return listed[::-1]

    def _fetch(self, revisions: Mapping[str, str]) -> None:
        """Unpack the sources as CodePipeline's source actions would."""
        repositories = {"app": self.app, **self.models}
        for name, source in {"app": APP_SOURCE, **MODEL_SOURCES}.items():
            target = self.host.place / "artifacts" / source
            revision = revisions.get(name, "HEAD")
            self.artifacts[source] = repositories[name].archive(target, revision)

    def _keep_output(self, build: Build, finished: Finished) -> None:
        assert finished.status == 0, finished.printed
        output = self.host.place / "artifacts" / SYNTH_OUTPUT
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(self.host.source / str(build.output), output, symlinks=True)
        self.artifacts[SYNTH_OUTPUT] = output

    def _outside(self) -> dict[str, str]:
        """The environment of a build that may do nothing in any account."""
        return {
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": REGION,
            "HOME": str(self.host.place),
            "PATH": os.environ["PATH"],
        }

    def _as_build(self) -> dict[str, str]:
        """The environment of a build with a role in the delivery's account."""
        taken = self.emulator.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{DELIVERY_ACCOUNT}:role/Smp-Delivery-Build",
            RoleSessionName="build",
        )["Credentials"]
        programs = (ROOT / "node_modules" / ".bin", NODE.parent)
        return {
            **self._outside(),
            "AWS_ACCESS_KEY_ID": taken["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": taken["SecretAccessKey"],
            "AWS_SESSION_TOKEN": taken["SessionToken"],
            "AWS_ENDPOINT_URL": self.emulator.url,
            "AWS_ENDPOINT_URL_S3": self.emulator.url,
            "PATH": os.pathsep.join((*map(str, programs), os.environ["PATH"])),
        }
