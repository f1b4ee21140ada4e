"""An Airflow on one instance: what it runs, and its permissions in addition to the pipelines' steps."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from constructs_lib import airflow_database
from constructs_lib.acknowledgement import acknowledge
from constructs_lib.airflow_database import AirflowDatabase, DatabaseSize
from constructs_lib.airflow_networking import AirflowNetworking, Firewall
from constructs_lib.dag_bucket import DAGS_PREFIX
from constructs_lib.role_policy import write_logs
from constructs_lib.session_host import SessionHost
from smp.definition.permissions.statement import Statement

SCRIPT = Path(__file__).with_name("airflow_host.sh")
PYTHON = "3.12"
KEY_CHARACTERS = 64
WEB_PORT = 8080
LOG_ACTIONS = ("logs:CreateLogStream", "logs:GetLogEvents", "logs:PutLogEvents")


@dataclass(frozen=True)
class HostSize:
    """What the instance is. A new `generation` replaces it, with the newest image."""

    airflow_version: str
    instance_type: str
    volume_gib: int
    generation: int
    log_retention: logs.RetentionDays


class AirflowHost(Construct):
    """Scheduler, workers and web interface on one instance; their memory is the database.

    The web interface listens on the instance alone: a session of Systems Manager forwards it, and IAM
    decides who has one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        size: HostSize,
        database_size: DatabaseSize,
        place: AirflowNetworking,
        key: kms.IKey,
        bucket: s3.IBucket,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self._bucket = bucket
        self.database = AirflowDatabase(
            self,
            "Database",
            size=database_size,
            place=place,
            key=key,
            removal_policy=removal_policy,
        )
        self.firewall = Firewall(self, "Firewall", place=place, description="Instance of Airflow")
        port = airflow_database.PORT
        self.database.firewall.let_in("Airflow", self.firewall, port, "The database of Airflow")
        self.secret = self._add_secret(removal_policy)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=key,
            retention=size.log_retention,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.host = self._add_host(size, place)

    @property
    def role(self) -> iam.Role:
        return self.host.role

    def _add_host(self, size: HostSize, place: AirflowNetworking) -> SessionHost:
        return SessionHost(
            self,
            "Host",
            description="Runs Airflow, and the jobs of the pipelines on it",
            instance_type=size.instance_type,
            volume_gib=size.volume_gib,
            subnet_id=place.subnet_ids[0],
            security_group_id=self.firewall.group_id,
            key=self._key,
            script=self._script(size),
            statements=self._statements(),
            needs=[self.database.resource],
            signal_timeout=cdk.Duration.minutes(30),
        )

    def _add_secret(self, removal_policy: cdk.RemovalPolicy) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "Keys",
            description="What Airflow encrypts connections and signs tokens with",
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=KEY_CHARACTERS, exclude_punctuation=True
            ),
            removal_policy=removal_policy,
        )
        stays = (
            "Connections in the database are encrypted with it: another one could not read them."
        )
        acknowledge(
            secret,
            {
                "AwsSolutions-SMG4": stays,
                "NIST.800.53.R5-SecretsManagerRotationEnabled": stays,
            },
        )
        return secret

    def _statements(self) -> Iterator[Statement]:
        """Read DAGs and the two secrets, write the logs of tasks."""
        yield Statement(
            "ReadDags",
            ["s3:GetObject"],
            [self._bucket.arn_for_objects(f"{DAGS_PREFIX}/*")],
            wildcard="Each pipeline has its own directory below this prefix.",
        )
        yield Statement(
            "ListDags",
            ["s3:ListBucket"],
            [self._bucket.bucket_arn],
            {"StringLike": {"s3:prefix": [DAGS_PREFIX, f"{DAGS_PREFIX}/*"]}},
        )
        yield Statement(
            "ReadSecrets",
            ["secretsmanager:GetSecretValue"],
            [self.secret.secret_full_arn or self.secret.secret_arn, self.database.secret_arn],
        )
        yield self._use_key()
        yield Statement(
            "FindLogGroup",
            ["logs:DescribeLogGroups"],
            ["*"],
            wildcard="The action has no resources; Airflow's log handler looks for its group with it.",
        )
        yield write_logs(self.log_group, actions=LOG_ACTIONS)

    def _use_key(self) -> Statement:
        """Return the decryption of DAGs and secrets, through their services alone."""
        stack = cdk.Stack.of(self)
        services = [
            f"{name}.{stack.region}.{stack.url_suffix}" for name in ("s3", "secretsmanager")
        ]
        return Statement(
            "UseKey",
            ["kms:Decrypt"],
            [self._key.key_arn],
            {"StringEquals": {"kms:ViaService": services}},
        )

    def _script(self, size: HostSize) -> str:
        """Return the script that the instance runs when it starts: values, and what is done with them."""
        values = {
            "AIRFLOW_VERSION": size.airflow_version,
            "PYTHON_VERSION": PYTHON,
            "GENERATION": str(size.generation),
            "AWS_REGION": cdk.Stack.of(self).region,
            "DAG_ADDRESS": f"s3://{self._bucket.bucket_name}/{DAGS_PREFIX}",
            "LOG_GROUP_ARN": self.log_group.log_group_arn,
            "KEYS_SECRET_ARN": self.secret.secret_arn,
            "DATABASE_SECRET_ARN": self.database.secret_arn,
            "DATABASE_HOST": self.database.address,
            "DATABASE_PORT": str(airflow_database.PORT),
            "DATABASE_NAME": airflow_database.NAME,
            "WEB_PORT": str(WEB_PORT),
        }
        lines = [f"{name}={_quoted(value)}" for name, value in values.items()]
        return "\n".join(["#!/bin/bash", *lines, "", SCRIPT.read_text("utf-8")])


def _quoted(value: str) -> str:
    """Return a value as the shell takes it; one that only a deployment knows has no quotes in it."""
    return f"'{value}'" if cdk.Token.is_unresolved(value) else shlex.quote(value)
