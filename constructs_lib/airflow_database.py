"""The database of a self-managed Airflow: Postgres in isolated subnets, its password in Secrets Manager.

Users sign in by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge
from constructs_lib.airflow_networking import AirflowNetworking, Firewall

PORT = 5433
NAME = "airflow"
ENGINE_VERSION = "16"
"""The newest minor version of it, which the service keeps up to date."""

MONITORING_POLICY = "service-role/AmazonRDSEnhancedMonitoringRole"


@dataclass(frozen=True)
class DatabaseSize:
    """How large the database is and how it is kept."""

    instance_class: str
    storage_gib: int
    multi_az: bool
    backup_days: int


class AirflowDatabase(Construct):
    """An encrypted instance that takes TLS alone, whose password RDS makes and changes every week."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        size: DatabaseSize,
        place: AirflowNetworking,
        key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self._key = key
        self._keep = removal_policy == cdk.RemovalPolicy.RETAIN
        self.firewall = Firewall(self, "Firewall", place=place, description="Database of Airflow")
        subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description="Isolated subnets",
            subnet_ids=list(place.isolated_subnet_ids),
        )
        parameters = rds.CfnDBParameterGroup(
            self,
            "Parameters",
            family=f"postgres{ENGINE_VERSION}",
            description="Database of Airflow: TLS alone",
            parameters={"rds.force_ssl": "1"},
        )
        self.resource = self._add_instance(
            size,
            db_subnet_group_name=subnets.ref,
            db_parameter_group_name=parameters.ref,
            monitoring_role_arn=self._monitoring_role().role_arn,
        )
        self.node.default_child = self.resource
        self.resource.apply_removal_policy(removal_policy)
        self._acknowledge(size)

    def _add_instance(self, size: DatabaseSize, **references: Any) -> rds.CfnDBInstance:
        """Return the instance; `references` are to the resources that it needs."""
        return rds.CfnDBInstance(
            self,
            "Instance",
            engine="postgres",
            engine_version=ENGINE_VERSION,
            allow_major_version_upgrade=False,
            auto_minor_version_upgrade=True,
            db_instance_class=size.instance_class,
            db_name=NAME,
            port=str(PORT),
            allocated_storage=str(size.storage_gib),
            multi_az=size.multi_az,
            vpc_security_groups=[self.firewall.group_id],
            publicly_accessible=False,
            backup_retention_period=size.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=self._keep,
            enable_cloudwatch_logs_exports=["postgresql", "upgrade"],
            enable_performance_insights=True,
            monitoring_interval=60,
            **self._login(),
            **self._encryption(),
            **references,
        )

    def _login(self) -> dict[str, Any]:
        """Return the settings of who logs in: RDS keeps the password."""
        return {
            "master_username": NAME,
            "manage_master_user_password": True,
            "master_user_secret": {"kmsKeyId": self._key.key_arn},
            "enable_iam_database_authentication": True,
        }

    def _encryption(self) -> dict[str, Any]:
        return {
            "storage_type": "gp3",
            "storage_encrypted": True,
            "kms_key_id": self._key.key_arn,
            "performance_insights_kms_key_id": self._key.key_arn,
        }

    @property
    def address(self) -> str:
        return self.resource.attr_endpoint_address

    @property
    def secret_arn(self) -> str:
        """The ARN of the secret with `username` and `password`."""
        return self.resource.attr_master_user_secret_secret_arn

    def _monitoring_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "MonitoringRole",
            description="RDS writes what it measures of Airflow's database",
            assumed_by=iam.ServicePrincipal(
                "monitoring.rds.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(self).account}},
            ),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(MONITORING_POLICY)],
        )
        arn = f"arn:<AWS::Partition>:iam::aws:policy/{MONITORING_POLICY}"
        why = "The policy that RDS asks for; it writes to log groups RDSOSMetrics and nowhere else."
        acknowledge(role, {f"AwsSolutions-IAM4[Policy::{arn}]": why})
        return role

    def _acknowledge(self, size: DatabaseSize) -> None:
        findings = {
            "NIST.800.53.R5-RDSInBackupPlan": "The service itself backs it up, every day; what is in "
            "it are the histories of runs.",
        }
        if not size.multi_az:
            one_zone = "The settings ask for one zone (database.multiAz)."
            findings |= {
                "AwsSolutions-RDS3": one_zone,
                "NIST.800.53.R5-RDSMultiAZSupport": one_zone,
            }
        if not self._keep:
            goes = (
                "The settings of the environment ask for it to go with the stack (removalPolicy)."
            )
            findings |= {
                "AwsSolutions-RDS10": goes,
                "NIST.800.53.R5-RDSInstanceDeletionProtectionEnabled": goes,
            }
        acknowledge(self.resource, findings)
