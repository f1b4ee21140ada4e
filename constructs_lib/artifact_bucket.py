"""The bucket through which the steps of a delivery hand files on: sources and assemblies."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.access_log_bucket import (
    KEEP_UPLOADS_DAYS,
    add_access_log_bucket,
)
from constructs_lib.encrypted_bucket import add_encrypted_bucket
from constructs_lib.pull_request_builds import HANDOVER_PREFIX

KEEP_ARTIFACTS_DAYS = 90
"""Longer than an approval can wait (60 days at most), so that what is approved is still there."""


class ArtifactBucket(Construct):
    """An encrypted, versioned, private bucket, forgetful after 90 days, and its access logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
        bucket_name: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.access_logs = add_access_log_bucket(self, "AccessLogs", removal_policy=removal_policy)
        self.bucket = add_encrypted_bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            key=key,
            access_logs=self.access_logs,
            log_prefix="artifacts/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="ForgetPullRequests",
                    prefix=f"{HANDOVER_PREFIX}/",
                    expiration=cdk.Duration.days(KEEP_UPLOADS_DAYS),
                ),
                s3.LifecycleRule(
                    id="ForgetArtifacts",
                    expiration=cdk.Duration.days(KEEP_ARTIFACTS_DAYS),
                    noncurrent_version_expiration=cdk.Duration.days(KEEP_UPLOADS_DAYS),
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(KEEP_UPLOADS_DAYS),
                ),
            ],
            removal_policy=removal_policy,
        )
        self.node.default_child = self.bucket.node.default_child
