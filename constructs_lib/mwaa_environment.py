"""A managed Airflow: environment, role, log groups, firewall, endpoints, list of packages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_mwaa as mwaa
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.airflow_networking import (
    AirflowNetworking,
    Firewall,
    add_endpoints,
    environment_arn,
)
from constructs_lib.dag_bucket import DAGS_PREFIX
from constructs_lib.pipeline_files import PipelineFiles
from constructs_lib.role_policy import RolePolicy
from constructs_lib.session_host import SessionHost
from smp.definition.permissions.statement import Statement

AirflowRole = Literal["Admin", "Op", "User", "Viewer", "Public"]
"""A role of Airflow's own access control, which every environment has."""

REQUIREMENTS_PREFIX = "requirements"
LOG_KINDS = {
    "dag_processing_logs": "DAGProcessing",
    "scheduler_logs": "Scheduler",
    "task_logs": "Task",
    "webserver_logs": "WebServer",
    "worker_logs": "Worker",
}
"""The service writes to a group `airflow-<environment>-<kind>` for each (Amazon MWAA, logs)."""

ENDPOINTS = ("AIRFLOW_API", "AIRFLOW_ENV", "AIRFLOW_OPS", "SQS")
"""What an environment without internet needs in addition to jobs' endpoints (MWAA, private routing)."""

SESSION_ENDPOINTS = ("SSM", "SSM_MESSAGES")

PYTHON = {"2": "3.11", "3": "3.12"}
"""The Python of each Airflow in the service, by the major version."""

CONFIGURATION = {"core.dags_are_paused_at_creation": "False"}
"""A schedule that a configuration switches on runs without anybody's further word."""

CONSTRAINTS = "https://raw.githubusercontent.com/apache/airflow/constraints-{version}/constraints-{python}.txt"


@dataclass(frozen=True)
class MwaaSize:
    """What of the service an environment takes, and how it is set."""

    airflow_version: str
    environment_class: str
    min_workers: int
    max_workers: int
    schedulers: int
    public_webserver: bool = False
    reaches_internet: bool = False
    session_host: bool = False
    requirements: Sequence[str] = ()
    configuration: Mapping[str, str] = field(default_factory=dict)
    maintenance: str | None = None
    log_level: str = "INFO"
    log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS


class MwaaEnvironment(Construct):
    """An environment in two private subnets whose web server is private unless it is asked to be public."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        size: MwaaSize,
        place: AirflowNetworking,
        key: kms.IKey,
        bucket: s3.IBucket,
        files: PipelineFiles,
        log_removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    ) -> None:
        """`files` puts the list of packages into the bucket."""
        super().__init__(scope, construct_id)
        self._stack = cdk.Stack.of(self)
        self._name = name
        self._size = size
        self._key = key
        self._bucket = bucket
        self.firewall = Firewall(
            self, "Firewall", place=place, description=f"Airflow {name}", members_meet=True
        )
        self.role = self._add_role()
        policy = RolePolicy(
            self,
            "Policy",
            role=self.role,
            description=f"Runs Airflow {name}, without the steps of any pipeline",
            statements=self._statements(),
        )
        wanted = (*ENDPOINTS, *(SESSION_ENDPOINTS if size.session_host else ()))
        add_endpoints(self, place, () if size.reaches_internet else wanted)
        requirements = self._requirements()
        path = f"{hashlib.sha256(requirements.encode()).hexdigest()[:16]}.txt"
        uploaded = files.add_directory(
            "Requirements", bucket, REQUIREMENTS_PREFIX, {path: requirements}, keep=True
        )
        groups = self._add_log_groups(log_removal_policy)
        self.resource = self._add_environment(place, f"{REQUIREMENTS_PREFIX}/{path}")
        self.resource.node.add_dependency(*policy.resources, uploaded, *groups)
        self.host = self._add_host(place) if size.session_host else None

    @property
    def webserver_url(self) -> str:
        """The host name of the web interface, in the network where it is private."""
        return self.resource.attr_webserver_url

    def grant_web_login(self, grantee: iam.IGrantable, role: AirflowRole = "User") -> iam.Grant:
        """Allow to open the web interface with a role of Airflow."""
        return self._grant(grantee, "airflow:CreateWebLoginToken", role)

    def grant_invoke_rest_api(
        self, grantee: iam.IGrantable, role: AirflowRole = "User"
    ) -> iam.Grant:
        """Allow to call Airflow's REST API, which starts DAGs, with a role of Airflow."""
        return self._grant(grantee, "airflow:InvokeRestApi", role)

    def _grant(self, grantee: iam.IGrantable, action: str, role: AirflowRole) -> iam.Grant:
        arn = self._stack.format_arn(
            service="airflow", resource="role", resource_name=f"{self._name}/{role}"
        )
        return iam.Grant.add_to_principal(grantee=grantee, actions=[action], resource_arns=[arn])

    def _add_role(self) -> iam.Role:
        source = {
            "StringEquals": {"aws:SourceAccount": self._stack.account},
            "ArnLike": {"aws:SourceArn": environment_arn(self, self._name)},
        }
        return iam.Role(
            self,
            "Role",
            description=f"Runs Airflow {self._name}, and the jobs of the pipelines on it",
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal("airflow.amazonaws.com", conditions=source),
                iam.ServicePrincipal("airflow-env.amazonaws.com", conditions=source),
            ),
        )

    def _statements(self) -> Iterator[Statement]:
        """Yield what an execution role of Amazon MWAA needs (user guide, execution role)."""
        yield Statement(
            "PublishMetrics", ["airflow:PublishMetrics"], [environment_arn(self, self._name)]
        )
        yield from _read_bucket(self._bucket)
        yield Statement(
            "CheckAccountAndMetrics",
            [
                "cloudwatch:PutMetricData",
                "logs:DescribeLogGroups",
                "s3:GetAccountPublicAccessBlock",
            ],
            ["*"],
            wildcard="None of the three knows resources (service authorization reference).",
        )
        yield _write_logs(self._stack, self._name)
        yield _queue_tasks(self._stack)
        yield _use_key(self._stack, self._key)

    def _requirements(self) -> str:
        """Return the list of packages; without internet there are none, and nothing is fetched.

        If a list has no constraints, the service adds its own.
        """
        size = self._size
        if not size.reaches_internet:
            return "# Airflow and its Amazon provider are there; nothing else is installed.\n"
        major = size.airflow_version.partition(".")[0]
        address = CONSTRAINTS.format(version=size.airflow_version, python=PYTHON[major])
        return "\n".join([f'--constraint "{address}"', *size.requirements]) + "\n"

    def _add_log_groups(self, removal_policy: cdk.RemovalPolicy) -> list[logs.LogGroup]:
        return [
            logs.LogGroup(
                self,
                f"{kind}Log",
                log_group_name=f"airflow-{self._name}-{kind}",
                encryption_key=self._key,
                retention=self._size.log_retention,
                removal_policy=removal_policy,
            )
            for kind in LOG_KINDS.values()
        ]

    def _add_environment(
        self, place: AirflowNetworking, requirements_path: str
    ) -> mwaa.CfnEnvironment:
        size = self._size
        micro = size.environment_class == "mw1.micro"
        level = {"enabled": True, "logLevel": size.log_level}
        parts = {kind.split("_")[0]: kind for kind in LOG_KINDS}
        logging = {f"{'dagProcessing' if part == 'dag' else part}Logs": level for part in parts}
        return mwaa.CfnEnvironment(
            self,
            "Resource",
            name=self._name,
            airflow_version=size.airflow_version,
            airflow_configuration_options={**CONFIGURATION, **size.configuration},
            environment_class=size.environment_class,
            min_workers=size.min_workers,
            max_workers=size.max_workers,
            schedulers=1 if micro else size.schedulers,
            execution_role_arn=self.role.role_arn,
            kms_key=self._key.key_arn,
            source_bucket_arn=self._bucket.bucket_arn,
            dag_s3_path=DAGS_PREFIX,
            requirements_s3_path=requirements_path,
            logging_configuration=logging,
            network_configuration={
                "subnetIds": list(place.subnet_ids),
                "securityGroupIds": [self.firewall.group_id],
            },
            webserver_access_mode="PUBLIC_ONLY" if size.public_webserver else "PRIVATE_ONLY",
            weekly_maintenance_window_start=size.maintenance,
        )

    def _add_host(self, place: AirflowNetworking) -> SessionHost:
        """Add what sessions go through to a private web server."""
        firewall = Firewall(
            self, "HostFirewall", place=place, description=f"Sessions to Airflow {self._name}"
        )
        self.firewall.let_in("Host", firewall, 443, "The web interface, for sessions")
        return SessionHost(
            self,
            "Host",
            description=f"Forwards sessions to Airflow {self._name}",
            instance_type="t4g.nano",
            volume_gib=8,
            subnet_id=place.subnet_ids[0],
            security_group_id=firewall.group_id,
            key=self._key,
        )


def _read_bucket(bucket: s3.IBucket) -> Iterator[Statement]:
    yield Statement(
        "ReadFiles",
        ["s3:GetObject", "s3:GetObjectVersion"],
        [bucket.arn_for_objects("*")],
        wildcard="The bucket holds DAGs and lists of packages, nothing else.",
    )
    yield Statement(
        "ListFiles",
        [
            "s3:GetBucketLocation",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetEncryptionConfiguration",
            "s3:ListBucket",
            "s3:ListBucketVersions",
        ],
        [bucket.bucket_arn],
    )


def _write_logs(stack: cdk.Stack, name: str) -> Statement:
    place = f"{stack.region}:{stack.account}"
    return Statement(
        "WriteLogs",
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:GetLogEvents",
            "logs:GetLogGroupFields",
            "logs:GetLogRecord",
            "logs:GetQueryResults",
            "logs:PutLogEvents",
        ],
        [f"arn:{stack.partition}:logs:{place}:log-group:airflow-{name}-*"],
        wildcard="The environment's own groups and their streams begin so.",
    )


def _queue_tasks(stack: cdk.Stack) -> Statement:
    return Statement(
        "QueueTasks",
        [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        [f"arn:{stack.partition}:sqs:{stack.region}:*:airflow-celery-*"],
        wildcard="The queue is in an account of the service, with a name that it gives.",
    )


def _use_key(stack: cdk.Stack, key: kms.IKey) -> Statement:
    services = [f"{service}.{stack.region}.{stack.url_suffix}" for service in ("s3", "sqs")]
    return Statement(
        "UseKey",
        [
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
        ],
        [key.key_arn],
        {"StringEquals": {"kms:ViaService": services}},
    )
