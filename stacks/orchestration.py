"""The stack of an environment's own Airflow, managed or on an instance, without any DAG."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.airflow_database import DatabaseSize
from constructs_lib.airflow_host import WEB_PORT, AirflowHost, HostSize
from constructs_lib.airflow_networking import AirflowNetworking
from constructs_lib.dag import DagHome
from constructs_lib.dag_bucket import DagBucket
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.mwaa_environment import MwaaEnvironment, MwaaSize
from constructs_lib.pipeline_files import PipelineFiles
from stacks.log_retention import LOG_RETENTION
from stacks.orchestration_settings import MwaaSettings, SelfManagedSettings
from stacks.settings import EnvironmentSettings


class Orchestration(cdk.Stack):
    """Airflow, its bucket, and for each pipeline's stack the place of its DAG and the role of its tasks."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        airflow_name: str,
        airflow: MwaaSettings | SelfManagedSettings,
        settings: EnvironmentSettings,
        environment: JobEnvironment,
        place: AirflowNetworking,
        **stack_props: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Airflow for SageMaker pipelines",
            termination_protection=settings.termination_protection,
            **stack_props,
        )
        self._environment = environment
        self._removal_policy = cdk.RemovalPolicy[settings.removal_policy.upper()]
        dags = DagBucket(self, "Dags", key=environment.key, removal_policy=self._removal_policy)
        self._dags = dags.bucket
        files = PipelineFiles(self, "Files", environment=environment)
        dags.add_shared_files(files)
        if isinstance(airflow, MwaaSettings):
            role = self._add_managed(airflow_name, airflow, place, files)
        else:
            role = self._add_host(airflow, place)
        bucket_name = str(self.export_value(self._dags.bucket_name))
        role_name = str(self.export_value(role.role_name))
        self.dag_home = DagHome(
            bucket=s3.Bucket.from_bucket_name(self, "SharedDags", bucket_name),
            role=iam.Role.from_role_name(self, "SharedRole", role_name, mutable=False),
        )
        self._output("DagBucket", "Where its DAGs lie", self._dags.bucket_name)

    def _add_managed(
        self, name: str, airflow: MwaaSettings, place: AirflowNetworking, files: PipelineFiles
    ) -> iam.IRole:
        managed = MwaaEnvironment(
            self,
            "Airflow",
            name=name,
            size=_mwaa_size(airflow),
            place=place,
            key=self._environment.key,
            bucket=self._dags,
            files=files,
        )
        self._output("AirflowUrl", "Its web interface", f"https://{managed.webserver_url}")
        if managed.host is not None:
            self._output("SessionHost", "What sessions go through", managed.host.instance.ref)
        return managed.role

    def _add_host(self, airflow: SelfManagedSettings, place: AirflowNetworking) -> iam.IRole:
        database = airflow.database
        host = AirflowHost(
            self,
            "Airflow",
            size=HostSize(
                airflow_version=airflow.airflow_version,
                instance_type=airflow.instance_type,
                volume_gib=airflow.volume_gib,
                generation=airflow.generation,
                log_retention=LOG_RETENTION[airflow.log_days],
            ),
            database_size=DatabaseSize(
                instance_class=database.instance_class,
                storage_gib=database.storage_gib,
                multi_az=database.multi_az,
                backup_days=database.backup_days,
            ),
            place=place,
            key=self._environment.key,
            bucket=self._dags,
            removal_policy=self._removal_policy,
        )
        self._output("SessionHost", f"Airflow; port {WEB_PORT}", host.host.instance.ref)
        return host.role

    @property
    def availability_zones(self) -> list[str]:
        """The first two zones of whatever region: never looked up while synthesizing."""
        zones = cdk.Fn.get_azs()
        return [cdk.Fn.select(0, zones), cdk.Fn.select(1, zones)]

    def _output(self, name: str, description: str, value: str) -> None:
        cdk.CfnOutput(self, name, description=description, value=value)


def _mwaa_size(airflow: MwaaSettings) -> MwaaSize:
    return MwaaSize(
        airflow_version=airflow.airflow_version,
        environment_class=airflow.environment_class,
        min_workers=airflow.min_workers,
        max_workers=airflow.max_workers,
        schedulers=airflow.schedulers,
        public_webserver=airflow.webserver_access == "public",
        reaches_internet=airflow.internet_egress,
        session_host=airflow.session_host,
        requirements=airflow.requirements,
        configuration=airflow.configuration,
        maintenance=airflow.maintenance,
        log_level=airflow.log_level,
        log_retention=LOG_RETENTION[airflow.log_days],
    )
