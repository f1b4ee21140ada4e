"""The stack of a delivery in each further region that it deploys to."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from constructs import Construct

from constructs_lib.artifact_bucket import ArtifactBucket
from constructs_lib.encryption_key import EncryptionKey


class DeliveryRegion(cdk.Stack):
    """CodePipeline deploys in a region from a bucket there; its name and its key's are known before."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        account: str,
        region: str,
        removal_policy: cdk.RemovalPolicy,
        **stack_props: Any,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Artifacts of the delivery, for stages in this region",
            env=cdk.Environment(account=account, region=region),
            **stack_props,
        )
        key = EncryptionKey(
            self,
            "Encryption",
            removal_policy=removal_policy,
            description="Artifacts of the delivery in this region",
        ).key
        alias = kms.Alias(self, "Alias", alias_name=f"alias/{construct_id.lower()}", target_key=key)
        self.artifacts = ArtifactBucket(
            self,
            "Artifacts",
            key=alias,
            bucket_name=f"{construct_id.lower()}-{account}",
            removal_policy=removal_policy,
        )
