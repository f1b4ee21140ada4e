"""How Airflow is hosted: the key `orchestration` of an environment's settings.

docs/orchestration.md describes every key.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from smp.config.values.base import ConfigModel, ScalarText, Text, fault, pattern
from stacks.setting_values import LogDays, VpcId

DAG_POLICIES = 10
"""Managed policies of a role (IAM quotas); each pipeline on Airflow attaches one."""

LogLevel = Literal["CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG"]

Requirement = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?==[A-Za-z0-9.+!_-]+$",
            "a package with its version, such as pandas==2.2.3",
        )
    ),
]


class PlaceSettings(ConfigModel):
    """Two private subnets in two zones of a network that was brought along."""

    vpc_id: VpcId = Field(alias="vpcId")
    subnet_ids: tuple[Text, ...] = Field(
        alias="subnetIds", min_length=2, max_length=2, strict=False
    )


class MwaaSettings(ConfigModel):
    """A managed environment of Amazon MWAA."""

    type: Literal["mwaa"]
    airflow_version: Literal["2.10.1", "2.10.3", "3.0.6"] = Field(
        default="3.0.6", alias="airflowVersion"
    )
    environment_class: Literal[
        "mw1.micro", "mw1.small", "mw1.medium", "mw1.large", "mw1.xlarge", "mw1.2xlarge"
    ] = Field(default="mw1.small", alias="environmentClass")
    min_workers: int = Field(default=1, alias="minWorkers", ge=1, le=25)
    max_workers: int = Field(default=2, alias="maxWorkers", ge=1, le=25)
    schedulers: int = Field(default=2, ge=2, le=5)
    webserver_access: Literal["private", "public"] = Field(
        default="private", alias="webserverAccess"
    )
    internet_egress: bool = Field(default=False, alias="internetEgress")
    session_host: bool = Field(default=False, alias="sessionHost")
    requirements: tuple[Requirement, ...] = Field(default=(), strict=False)
    configuration: dict[Text, ScalarText] = Field(default={}, max_length=60)
    maintenance: str | None = Field(
        default=None,
        pattern=pattern(
            r"^(MON|TUE|WED|THU|FRI|SAT|SUN):([01][0-9]|2[0-3]):(00|30)$",
            "a day and a half hour in UTC, such as SUN:03:30",
        ),
    )
    log_level: LogLevel = Field(default="INFO", alias="logLevel")
    log_days: LogDays = Field(default=90, alias="logDays")
    policies_per_role: int = Field(default=DAG_POLICIES, alias="policiesPerRole", ge=2, le=25)
    network: PlaceSettings | None = None

    @model_validator(mode="after")
    def _check_sizes(self) -> MwaaSettings:
        if self.min_workers > self.max_workers:
            raise fault(
                "is more than maxWorkers", f"at most {self.max_workers}", at=("minWorkers",)
            )
        if self.environment_class == "mw1.micro" and self.max_workers > 1:
            raise fault("is for one worker only", "maxWorkers: 1", at=("environmentClass",))
        if self.requirements and not self.internet_egress:
            hint = "set internetEgress, or leave the packages out"
            reason = "cannot be installed: without internetEgress nothing reaches a package index"
            raise fault(reason, hint=hint, at=("requirements",))
        return self


class ServerlessSettings(ConfigModel):
    """A workflow of Amazon MWAA Serverless for each pipeline."""

    type: Literal["mwaa_serverless"]
    log_days: LogDays = Field(default=90, alias="logDays")


class DatabaseSettings(ConfigModel):
    """The database of a self-managed Airflow."""

    instance_class: str = Field(
        default="db.t4g.small",
        alias="instanceClass",
        pattern=pattern(r"^db\.[a-z0-9]+\.[a-z0-9]+$", "a class, such as db.t4g.small"),
    )
    storage_gib: int = Field(default=20, alias="storageGib", ge=20, le=1000)
    multi_az: bool = Field(default=False, alias="multiAz")
    backup_days: int = Field(default=14, alias="backupDays", ge=1, le=35)


class SelfManagedSettings(ConfigModel):
    """Airflow on one instance, with a separate database."""

    type: Literal["self_managed"]
    airflow_version: str = Field(
        default="3.0.6",
        alias="airflowVersion",
        pattern=pattern(r"^3\.[0-9]+\.[0-9]+$", "a version from 3 up, such as 3.0.6"),
    )
    instance_type: str = Field(
        default="t4g.large",
        alias="instanceType",
        pattern=pattern(
            r"^[a-z]+[0-9]+g[a-z]*\.[a-z0-9]+$", "a type with Graviton, such as t4g.large"
        ),
    )
    volume_gib: int = Field(default=30, alias="volumeGib", ge=20, le=1000)
    generation: int = Field(default=1, ge=1)
    database: DatabaseSettings = DatabaseSettings()
    log_days: LogDays = Field(default=90, alias="logDays")
    policies_per_role: int = Field(default=DAG_POLICIES, alias="policiesPerRole", ge=2, le=25)
    network: PlaceSettings | None = None


OrchestrationSettings = Annotated[
    MwaaSettings | ServerlessSettings | SelfManagedSettings, Field(discriminator="type")
]


class StateMachineSettings(ConfigModel):
    """What is kept of executions of state machines."""

    log_level: Literal["ALL", "ERROR", "FATAL"] = Field(default="ALL", alias="logLevel")
    log_days: LogDays = Field(default=90, alias="logDays")
