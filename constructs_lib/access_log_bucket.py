"""A bucket for the access logs of other buckets."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.acknowledgement import acknowledge

ACCESS_LOG_DAYS = 365
KEEP_UPLOADS_DAYS = 7

LOGS_BY_POLICY = "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy"

NO_REPLICATION = (
    "Versions are kept; whether data may be copied to another region is for "
    "the deploying organisation to decide."
)


def add_access_log_bucket(
    scope: Construct, construct_id: str, *, removal_policy: cdk.RemovalPolicy
) -> s3.Bucket:
    """Return a new private, versioned bucket whose logs go after a year.

    `scope` is a construct of this library without children: its buckets deliver logs by policy.
    """
    # Without this flag, which apps may not set, the CDK uses ACLs, and these buckets have none.
    scope.node.set_context(LOGS_BY_POLICY, True)
    bucket = s3.Bucket(
        scope,
        construct_id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                id="ForgetAfterAYear",
                expiration=cdk.Duration.days(ACCESS_LOG_DAYS),
                noncurrent_version_expiration=cdk.Duration.days(KEEP_UPLOADS_DAYS),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(KEEP_UPLOADS_DAYS),
            )
        ],
        removal_policy=removal_policy,
    )
    acknowledge(
        bucket,
        {
            "AwsSolutions-S1": "It receives the access logs; logging into itself would never end.",
            "NIST.800.53.R5-S3DefaultEncryptionKMS": "S3 delivers access logs only to a bucket "
            "with S3-managed keys (S3 user guide, enabling server access logging).",
            "NIST.800.53.R5-S3BucketReplicationEnabled": NO_REPLICATION,
        },
    )
    return bucket
