"""The builds of a delivery: the commands, network and role of each.

Every command is the app's own; none comes from a model repository, and none is given a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import pipelines
from constructs import Construct

from constructs_lib.trust import builds_of_this_account

MODELS_DIRECTORY = "model_configs"
COLLECTED = "collected"
"""The directory of a build in which repositories that were collected by builds before it are."""
ASSEMBLY = "cdk.out"

IMAGE_RUNTIMES = {"python": "3.11"}
"""Of the image `aws/codebuild/standard:7.0`. Node comes as a Python package, from the lock file."""

NODE_RUNTIME = {"nodejs": "22"}

ROLE_PREFIX = "Smp-Delivery-"

MAX_INPUTS = 4
"""Artifacts that an action takes next to its first, which is the app (CodePipeline: at most 5 inputs)."""

WAIT_MINUTES = 2160
"""The longest build of CodeBuild (CodeBuild quotas): executions may train for hours."""

BUILD_MINUTES = 60

APPROVAL_TEXT = "APPROVAL_TEXT"
"""The variable of a review that the approval shows."""


@dataclass(frozen=True)
class BuildPlace:
    """The network of builds: CodeBuild's default or subnets of a VPC."""

    vpc: ec2.IVpc | None = None
    subnets: ec2.SubnetSelection | None = None
    security_groups: Sequence[ec2.ISecurityGroup] = ()


@dataclass(frozen=True)
class Target:
    """An environment as the commands of a build name it."""

    name: str
    region: str
    assembly: str
    """Its own part of what was synthesized."""
    review_role_arns: Sequence[str]
    """The first one that lets itself be taken: the environment's own is made by its first deployment."""
    start_role_arn: str

    @property
    def reading(self) -> str:
        roles = " ".join(f"--assume-role {arn}" for arn in self.review_role_arns)
        return f"{roles} --region {self.region}"

    @property
    def starting(self) -> str:
        return f"--assume-role {self.start_role_arn} --region {self.region}"


@dataclass(frozen=True)
class _Bundle:
    """Files of one model repository, or a directory for each of several."""

    files: pipelines.IFileSetProducer
    models: tuple[str, ...]


class DeliveryBuilds:
    """Makes the steps of a delivery that run in CodeBuild."""

    def __init__(
        self,
        scope: Construct,
        *,
        app: pipelines.CodePipelineSource,
        revisions: str,
        log_group: logs.ILogGroup,
        place: BuildPlace,
    ) -> None:
        """`revisions` names the delivered commits, as variables of the pipeline."""
        self._scope = scope
        self._app = app
        self._revisions = revisions
        self._log_group = log_group
        self._place = place
        self.made: list[pipelines.CodeBuildStep] = []
        """Every build so far."""

    def defaults(self) -> pipelines.CodeBuildOptions:
        """Return what holds for every build, also for those that the library makes."""
        return pipelines.CodeBuildOptions(
            build_environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.STANDARD_7_0,
                compute_type=codebuild.ComputeType.SMALL,
                privileged=False,
            ),
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=self._log_group)
            ),
            timeout=cdk.Duration.minutes(BUILD_MINUTES),
            vpc=self._place.vpc,
            subnet_selection=self._place.subnets,
            security_groups=list(self._place.security_groups) or None,
        )

    def synth(self, models: Mapping[str, pipelines.CodePipelineSource]) -> pipelines.CodeBuildStep:
        """Return the build that makes the assembly out of the app's and all models' repositories."""
        bundles = self._bundles(models)
        single = {name: bundle for name, bundle in bundles.items() if name in models}
        inputs = {f"{MODELS_DIRECTORY}/{name}": bundle.files for name, bundle in single.items()}
        links = []
        for name, bundle in bundles.items():
            if name not in models:
                inputs[f"{COLLECTED}/{name}"] = bundle.files
                links += [_link_model(f"{COLLECTED}/{name}", model) for model in bundle.models]
        return self._step(
            "Synth",
            install_commands=[*links, "make setup"],
            commands=["make build-assembly"],
            inputs=inputs,
            output=ASSEMBLY,
            compute=codebuild.ComputeType.MEDIUM,
        )

    def _bundles(self, models: Mapping[str, pipelines.CodePipelineSource]) -> dict[str, _Bundle]:
        """Return at most `MAX_INPUTS` bundles with the repositories of all models.

        An action takes few artifacts. More repositories are collected by builds before it, each of which
        makes one artifact of as many as it takes, and again of those.
        """
        bundles = {name: _Bundle(source, (name,)) for name, source in models.items()}
        level = 0
        while len(bundles) > MAX_INPUTS:
            level += 1
            names = list(bundles)
            parts = [names[at : at + MAX_INPUTS] for at in range(0, len(names), MAX_INPUTS)]
            bundles = {
                f"Collect{level}-{number}": self._collect(
                    f"Collect{level}-{number}", {name: bundles[name] for name in part}, level
                )
                for number, part in enumerate(parts, start=1)
            }
        return bundles

    def _collect(self, name: str, bundles: Mapping[str, _Bundle], level: int) -> _Bundle:
        """Return one bundle made of several. The build copies files, and runs nothing of them."""
        copies = []
        for part, bundle in bundles.items():
            target = f"{COLLECTED}/{bundle.models[0]}" if level == 1 else COLLECTED
            copies.append(f'mkdir -p "{target}" && cp -RP "inputs/{part}/." "{target}/"')
        step = self._step(
            name,
            install_commands=[],
            commands=copies,
            inputs={f"inputs/{part}": bundle.files for part, bundle in bundles.items()},
            output=COLLECTED,
        )
        return _Bundle(step, tuple(model for bundle in bundles.values() for model in bundle.models))

    def check(self, target: Target, assembly: pipelines.FileSet) -> pipelines.CodeBuildStep:
        """Return the build that fails where permissions are wider than those deployed."""
        return self._step(
            "CheckPermissions",
            commands=[_check_permissions(target)],
            inputs={ASSEMBLY: assembly},
            role=self._role(review_build_role(target.name), target.review_role_arns),
        )

    def review(
        self, target: Target, assembly: pipelines.FileSet, *, check_permissions: bool
    ) -> pipelines.CodeBuildStep:
        """Return the build that writes what would change, for the approver.

        Its log has the whole text, its variable APPROVAL_TEXT the beginning and the log's address.
        """
        check = f"{_check_permissions(target)} > permissions.txt || test $? -eq 3"
        files = "permissions.txt review.md" if check_permissions else "review.md"
        return self._step(
            "Review",
            commands=[
                *([check] if check_permissions else []),
                f".venv/bin/smp diff --base deployed --head {target.assembly} --format markdown"
                f" -o review.md {target.reading} || test $? -eq 3",
                f"cat {files}",
                f'export {APPROVAL_TEXT}="$(.venv/bin/python -m tools.approval_text {files})"',
            ],
            inputs={ASSEMBLY: assembly},
            role=self._role(review_build_role(target.name), target.review_role_arns),
        )

    def start(
        self, target: Target, assembly: pipelines.FileSet, *, wait: bool
    ) -> pipelines.CodeBuildStep:
        """Return the build that starts the pipelines that changed, and may wait for them."""
        waiting = " --wait" if wait else ""
        return self._step(
            "StartPipelines",
            commands=[
                f'.venv/bin/smp start --assembly {target.assembly} --once --commit "$COMMIT"{waiting}'
                f" {target.starting}"
            ],
            inputs={ASSEMBLY: assembly},
            role=self._role(start_build_role(target.name), [target.start_role_arn]),
            environment={"COMMIT": self._revisions},
            minutes=WAIT_MINUTES if wait else BUILD_MINUTES,
        )

    def _step(
        self,
        name: str,
        *,
        commands: Sequence[str],
        inputs: Mapping[str, pipelines.IFileSetProducer],
        install_commands: Sequence[str] = ("make setup",),
        output: str | None = None,
        role: iam.IRole | None = None,
        environment: Mapping[str, str] | None = None,
        compute: codebuild.ComputeType = codebuild.ComputeType.SMALL,
        minutes: int = BUILD_MINUTES,
    ) -> pipelines.CodeBuildStep:
        in_vpc = self._place.vpc is not None
        caches = codebuild.LocalCacheMode.CUSTOM
        step = pipelines.CodeBuildStep(
            name,
            input=self._app,
            additional_inputs=dict(inputs),
            install_commands=list(install_commands),
            commands=list(commands),
            primary_output_directory=output,
            role=role,
            env=dict(environment or {}),
            build_environment=codebuild.BuildEnvironment(compute_type=compute),
            timeout=cdk.Duration.minutes(minutes),
            cache=None if in_vpc else codebuild.Cache.local(caches),
            partial_build_spec=codebuild.BuildSpec.from_object(
                {
                    "phases": {"install": {"runtime-versions": IMAGE_RUNTIMES}},
                    "cache": {"paths": [".cache/**/*"]},
                }
            ),
        )
        self.made.append(step)
        return step

    def _role(self, name: str, may_take: Sequence[str]) -> iam.Role:
        """Return a build's role; its name is what roles in other accounts trust."""
        role = iam.Role(
            self._scope,
            f"{name.removeprefix(ROLE_PREFIX)}Role",
            role_name=name,
            description="A build of the delivery: takes one role in an environment",
            assumed_by=builds_of_this_account(self._scope),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="TakeRoleOfEnvironment", actions=["sts:AssumeRole"], resources=list(may_take)
            )
        )
        return role


def review_build_role(environment: str) -> str:
    """Return the name of the role that reviews run as; an environment trusts it by name."""
    return f"{ROLE_PREFIX}Review-{environment}"


def start_build_role(environment: str) -> str:
    """Return the name of the role that starts pipelines; an environment trusts it by name."""
    return f"{ROLE_PREFIX}Start-{environment}"


def _link_model(directory: str, model: str) -> str:
    """Return the command that lays a collected model out; the app has no directory of that name."""
    place = f"{MODELS_DIRECTORY}/{model}"
    return f'[ ! -e "{place}" ] && ln -s -- "$PWD/{directory}/{model}" "{place}"'


def node_build_spec() -> codebuild.BuildSpec:
    """Return what a build of the library needs that runs tools from npm."""
    return codebuild.BuildSpec.from_object(
        {"phases": {"install": {"runtime-versions": NODE_RUNTIME}}}
    )


def _check_permissions(target: Target) -> str:
    return (
        f".venv/bin/smp check-permissions --assembly {target.assembly} --environment {target.name}"
        f" {target.reading}"
    )
