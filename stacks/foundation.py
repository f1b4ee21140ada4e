"""The stack that all pipelines share: key, bucket and network, or what was brought in their place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.airflow_networking import AirflowNetworking
from constructs_lib.data_bucket import DataBucket
from constructs_lib.encryption_key import EncryptionKey
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.network import Network
from smp.definition.deploy_values import BUCKET
from smp.definition.triggers import DataArrival, Schedule, Trigger
from stacks.orchestration_settings import MwaaSettings, SelfManagedSettings
from stacks.settings import EnvironmentSettings


class Foundation(cdk.Stack):
    """Stateful, protected against deletion. Its exports are the same whatever the pipelines use."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: EnvironmentSettings,
        **stack_props: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Key, bucket and network of SageMaker pipelines",
            termination_protection=settings.termination_protection,
            **stack_props,
        )
        self._encryption: EncryptionKey | None = None
        self._data: DataBucket | None = None
        self._made_network: Network | None = None
        removal_policy = cdk.RemovalPolicy[settings.removal_policy.upper()]
        key = self._key(settings, removal_policy)
        bucket = self._bucket(settings, key, removal_policy)
        network = self._network(settings, key)
        self.job_environment = JobEnvironment(
            bucket=bucket,
            key=self._shared_key,
            job_role=self._job_role(settings),
            **network,
        )
        if settings.kms_key_arn and settings.bucket_name and settings.network.subnet_ids:
            # CloudFormation rejects a stack without resources; this one does nothing and costs nothing.
            cdk.CfnWaitConditionHandle(self, "EverythingWasBrought")

    def serve_triggers(self, triggers: Iterable[Trigger]) -> None:
        """Send events of the bucket, and let rules use the key, where triggers need that.

        Of what was brought, its owner does it.
        """
        by_event = [item for item in triggers if item.enabled and not isinstance(item, Schedule)]
        if by_event and self._encryption:
            self._encryption.serve_event_rules()
        own = [t for t in by_event if isinstance(t, DataArrival) and t.bucket == BUCKET]
        if own and self._data:
            self._data.send_events()
        elif own:
            names = ", ".join(trigger.name for trigger in own)
            cdk.Annotations.of(self).add_info(
                f"the bucket was brought: it has to send its events to EventBridge for {names}"
            )

    def serve_state_machines(self) -> None:
        """Let logs of state machines be delivered encrypted.

        Of a key that was brought, its owner does it.
        """
        if self._encryption:
            self._encryption.serve_log_delivery()
        else:
            cdk.Annotations.of(self).add_info(
                "the key was brought: its policy has to let delivery.logs.amazonaws.com use kms:Decrypt "
                "for the logs of state machines"
            )

    def place_for(self, airflow: MwaaSettings | SelfManagedSettings) -> AirflowNetworking:
        """Return the subnets for Airflow: those of the app's network, or those that its settings name.

        With a way out it has the subnets that have one.
        """
        brought = airflow.network
        if brought is not None:
            subnets = list(brought.subnet_ids)
            return AirflowNetworking(brought.vpc_id, subnets, subnets)
        assert self._made_network is not None
        shared, network = self.job_environment, self._made_network
        reaches_out = isinstance(airflow, SelfManagedSettings) or airflow.internet_egress
        return AirflowNetworking(
            vpc_id=self._share(network.vpc.vpc_id),
            subnet_ids=shared.egress_subnet_ids if reaches_out else shared.subnet_ids,
            isolated_subnet_ids=shared.subnet_ids,
            endpoints_group_id=self._share(network.endpoints.security_group_id),
        )

    @property
    def availability_zones(self) -> list[str]:
        """The first two zones of whatever region: never looked up while synthesizing."""
        zones = cdk.Fn.get_azs()
        return [cdk.Fn.select(0, zones), cdk.Fn.select(1, zones)]

    def _key(self, settings: EnvironmentSettings, policy: cdk.RemovalPolicy) -> kms.IKey:
        if settings.kms_key_arn:
            self._shared_key = kms.Key.from_key_arn(self, "OwnKey", settings.kms_key_arn)
            return self._shared_key
        self._encryption = EncryptionKey(self, "Encryption", removal_policy=policy)
        key = self._encryption.key
        self._shared_key = kms.Key.from_key_arn(self, "SharedKey", self._share(key.key_arn))
        return key

    def _bucket(
        self, settings: EnvironmentSettings, key: kms.IKey, policy: cdk.RemovalPolicy
    ) -> s3.IBucket:
        if settings.bucket_name:
            return s3.Bucket.from_bucket_name(self, "OwnBucket", settings.bucket_name)
        self._data = DataBucket(
            self,
            "Data",
            key=key,
            intermediate_output_days=settings.intermediate_output_days,
            removal_policy=policy,
        )
        name = self._share(self._data.bucket.bucket_name)
        return s3.Bucket.from_bucket_name(self, "SharedBucket", name)

    def _network(self, settings: EnvironmentSettings, key: kms.IKey) -> dict[str, list[str]]:
        own = settings.network
        if own.subnet_ids:
            return {
                "subnet_ids": list(own.subnet_ids),
                "security_group_ids": list(own.security_group_ids),
                "egress_subnet_ids": list(own.egress_subnet_ids),
            }
        network = Network(self, "Network", key=key, internet_egress=own.internet_egress)
        self._made_network = network
        return {
            "subnet_ids": [self._share(subnet) for subnet in network.subnet_ids],
            "security_group_ids": [self._share(network.security_group.security_group_id)],
            "egress_subnet_ids": [self._share(subnet) for subnet in network.egress_subnet_ids],
        }

    def _job_role(self, settings: EnvironmentSettings) -> iam.IRole | None:
        if not settings.job_role_arn:
            return None
        return iam.Role.from_role_arn(self, "OwnJobRole", settings.job_role_arn, mutable=False)

    def _share(self, value: str) -> str:
        """Export a value and return what imports it: pipelines come and go, the exports stay."""
        return str(self.export_value(value))
