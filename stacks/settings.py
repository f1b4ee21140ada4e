"""Deployment settings: the key `smp` in the context of cdk.json, and SMP_ variables on top of it.

docs/deployment.md describes every key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from smp.config.project import Pipeline
from smp.config.read.files import DEFAULT_PATTERN
from smp.config.read.yaml_tree import Document, read_document
from smp.config.validation_errors import problems_of
from smp.config.values.base import ConfigModel, ScalarText, Text
from smp.definition.stack_names import DEFAULT_ENVIRONMENT, stack_prefix
from smp.errors import Location, Problem, SetupError, SmpError, near_names
from smp.graph import PipelineGraph
from stacks.context import CDK_JSON, SETTINGS_KEY, Context
from stacks.delivery_settings import DeliverySettings
from stacks.network_settings import NetworkSettings, network_problems
from stacks.orchestration_checks import orchestration_problems
from stacks.orchestration_settings import OrchestrationSettings, StateMachineSettings
from stacks.role_accounts import cross_account_roles
from stacks.setting_values import (
    Account,
    BucketName,
    CommaList,
    EnvironmentName,
    KeyArn,
    Region,
    RoleArn,
)


class EnvironmentSettings(ConfigModel):
    """One environment. Without account and region it deploys to those of the caller's credentials."""

    account: Account | None = None
    region: Region | None = None
    network: NetworkSettings = NetworkSettings()
    kms_key_arn: KeyArn | None = Field(default=None, alias="kmsKeyArn")
    bucket_name: BucketName | None = Field(default=None, alias="bucketName")
    job_role_arn: RoleArn | None = Field(default=None, alias="jobRoleArn")
    intermediate_output_days: int = Field(
        default=180, alias="intermediateOutputDays", ge=31, le=3650
    )
    removal_policy: Literal["retain", "destroy"] = Field(default="retain", alias="removalPolicy")
    termination_protection: bool = Field(default=True, alias="terminationProtection")
    max_inline_definition_characters: int = Field(
        default=100 * 1024, alias="maxInlineDefinitionCharacters", ge=0, le=400_000
    )
    tags: dict[Text, ScalarText] = Field(default={}, max_length=40)
    state_machines: StateMachineSettings = Field(
        default=StateMachineSettings(), alias="stateMachines"
    )
    orchestration: OrchestrationSettings | None = None


class Settings(ConfigModel):
    """Everything under the key `smp`."""

    model_configs: Text = Field(default=DEFAULT_PATTERN, alias="modelConfigs")
    environments: dict[EnvironmentName, EnvironmentSettings] = Field(
        default={DEFAULT_ENVIRONMENT: EnvironmentSettings()}, min_length=1
    )
    delivery: DeliverySettings | None = None


class _Context(ConfigModel):
    model_config = ConfigDict(extra="ignore")
    smp: Settings = Settings()


class _CdkJson(ConfigModel):
    model_config = ConfigDict(extra="ignore")
    context: _Context


class Deployment(ConfigModel):
    """The environment that was chosen, with its name."""

    name: str
    model_configs: str
    environment: EnvironmentSettings
    environments: tuple[str, ...] = ()
    """The names of all environments of the settings, if known."""

    @property
    def stack_prefix(self) -> str:
        """What the names of its stacks begin with."""
        return stack_prefix(self.name)

    @property
    def offers_egress(self) -> bool:
        """Whether jobs can be given subnets with a route to the internet."""
        network = self.environment.network
        return network.internet_egress or bool(network.egress_subnet_ids)

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """Itself: what a delivery has several of."""
        return (self,)

    def problems(self, graphs: Iterable[PipelineGraph]) -> Iterator[Problem]:
        """Yield each pipeline that needs what this environment does not offer."""
        graphs = list(graphs)
        own = self.environment
        yield from cross_account_roles(self.name, own.account, own.job_role_arn, graphs)
        yield from orchestration_problems(self.name, own.orchestration, own.network, graphs)
        if not self.offers_egress:
            for graph in graphs:
                if graph.pipeline.network.internet_egress:
                    yield _no_egress(graph.pipeline, self.name)


def check_all(
    deployments: Iterable[Deployment], graphs: Mapping[str, Iterable[PipelineGraph]]
) -> None:
    """Raise SetupError for what environments do not offer to their pipelines, given by environment."""
    problems = [problem for each in deployments for problem in each.problems(graphs[each.name])]
    if problems:
        raise SetupError(problems)


def _no_egress(pipeline: Pipeline, environment: str) -> Problem:
    path = f"context.{SETTINGS_KEY}.environments.{environment}.network"
    return Problem(
        f"pipeline '{pipeline.config.pipeline_name}' needs internet access "
        f"and environment '{environment}' has none",
        pipeline.locate("sagemakerNetworkSecurity", "internet_egress"),
        "conf.sagemakerNetworkSecurity.internet_egress",
        allowed=f"with {CDK_JSON}: {path}.internetEgress or egressSubnetIds",
        hint="set one of them, or remove internet_egress from the configuration",
    )


def load_deployment(context: Context, environ: Mapping[str, str], workspace: Path) -> Deployment:
    """Return the environment that `-c environment=NAME` chooses, with SMP_ variables put on top.

    Raises SetupError with everything that is wrong with the settings.
    """
    settings = load_settings(context, workspace)
    name = str(context.get("environment", DEFAULT_ENVIRONMENT))
    if name not in settings.environments:
        raise SetupError(
            [
                Problem(
                    f"there is no environment '{name}'",
                    Location(CDK_JSON),
                    f"context.{SETTINGS_KEY}.environments",
                    allowed=", ".join(settings.environments),
                    hint=near_names(name, settings.environments),
                )
            ]
        )
    environment = _with_variables(settings.environments[name], environ)
    problems = [*network_problems(environment.network, name)]
    if problems:
        raise SetupError(problems)
    pattern = environ.get("SMP_MODEL_CONFIGPATH", "").strip() or settings.model_configs
    return Deployment(
        name=name,
        model_configs=pattern,
        environment=environment,
        environments=tuple(settings.environments),
    )


def load_settings(context: Context, workspace: Path) -> Settings:
    """Return everything under the key `smp`; raises SetupError with all that is wrong with it."""
    try:
        return _CdkJson.model_validate({"context": context}).context.smp
    except ValidationError as error:
        raise SetupError(problems_of(error, settings_document(context, workspace))) from error


def settings_document(context: Context, workspace: Path) -> Document:
    """Return where the settings were written, as far as they were in cdk.json."""
    anywhere = Document(CDK_JSON, {"context": context}, {(): Location(CDK_JSON)}, {})
    try:
        document = read_document((workspace / CDK_JSON).read_text("utf-8"), CDK_JSON)
    except (OSError, SmpError):
        return anywhere
    written = document.data.get("context", {}) if isinstance(document.data, dict) else {}
    return document if written.get(SETTINGS_KEY) == context.get(SETTINGS_KEY) else anywhere


VARIABLES: Mapping[str, tuple[str, ...]] = {
    "SMP_ACCOUNTID": ("account",),
    "SMP_REGION": ("region",),
    "SMP_S3BUCKETNAME": ("bucketName",),
    "SMP_ROLE": ("jobRoleArn",),
    "SMP_SUBNETS": ("network", "subnetIds"),
    "SMP_SECURITYGROUPS": ("network", "securityGroupIds"),
}
"""The setting that each variable takes the place of."""


class _Variables(ConfigModel):
    """The variables that are set and not empty, as the settings that they override."""

    account: Account | None = Field(default=None, alias="SMP_ACCOUNTID")
    region: Region | None = Field(default=None, alias="SMP_REGION")
    bucket_name: BucketName | None = Field(default=None, alias="SMP_S3BUCKETNAME")
    job_role_arn: RoleArn | None = Field(default=None, alias="SMP_ROLE")
    subnet_ids: CommaList = Field(default=(), alias="SMP_SUBNETS")
    security_group_ids: CommaList = Field(default=(), alias="SMP_SECURITYGROUPS")


def _with_variables(
    environment: EnvironmentSettings, environ: Mapping[str, str]
) -> EnvironmentSettings:
    values = {name: environ.get(name, "").strip(" ,") for name in VARIABLES}
    given = {name: value for name, value in values.items() if value}
    place = Document(
        "the environment variables", given, {(): Location("environment variables")}, {}
    )
    try:
        variables = _Variables.model_validate(given)
    except ValidationError as error:
        raise SetupError(problems_of(error, place)) from error
    changed: dict[str, Any] = {
        name: value
        for name in ("account", "region", "bucket_name", "job_role_arn")
        if (value := getattr(variables, name))
    }
    network = {
        name: value
        for name in ("subnet_ids", "security_group_ids")
        if (value := getattr(variables, name))
    }
    if network:
        own = environment.network.model_copy(update={**network, "internet_egress": False})
        changed["network"] = own
    return environment.model_copy(update=changed)
