"""The stack of a delivery in each further region that it deploys to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
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
        readers: Sequence[str],
        removal_policy: cdk.RemovalPolicy,
        **stack_props: Any,
    ) -> None:
        """`readers` are the roles that deploy to this region; they may be in other accounts."""
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
        alias = f"alias/{construct_id.lower()}"
        kms.Alias(self, "Alias", alias_name=alias, target_key=key)
        bucket_name = f"{construct_id.lower()}-{account}"
        artifacts = ArtifactBucket(
            self, "Artifacts", key=key, bucket_name=bucket_name, removal_policy=removal_policy
        )
        for arn in readers:
            artifacts.bucket.grant_read(iam.ArnPrincipal(arn))
        self.shared_bucket = s3.Bucket.from_bucket_attributes(
            self,
            "SharedBucket",
            bucket_name=bucket_name,
            region=region,
            account=account,
            encryption_key=kms.Alias.from_alias_name(self, "SharedKey", alias),
        )
