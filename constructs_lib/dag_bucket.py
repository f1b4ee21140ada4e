"""The bucket from which Airflow reads its DAGs, what they share, and the list of its packages."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.access_log_bucket import KEEP_UPLOADS_DAYS, add_access_log_bucket
from constructs_lib.encrypted_bucket import add_encrypted_bucket
from constructs_lib.pipeline_files import PipelineFiles
from smp.export.airflow.runtime_files import all_runtime_files

DAGS_PREFIX = "dags"
KEEP_REPLACED_DAYS = 30


class DagBucket(Construct):
    """An encrypted, versioned, private bucket, and the bucket for its access logs."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.access_logs = add_access_log_bucket(self, "AccessLogs", removal_policy=removal_policy)
        self.bucket = add_encrypted_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=self.access_logs,
            log_prefix="dags/",
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="DropReplacedFiles",
                    noncurrent_version_expiration=cdk.Duration.days(KEEP_REPLACED_DAYS),
                    expired_object_delete_marker=True,
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(KEEP_UPLOADS_DAYS),
                )
            ],
            removal_policy=removal_policy,
        )
        self.node.default_child = self.bucket.node.default_child

    def add_shared_files(self, files: PipelineFiles) -> None:
        """Upload what all DAGs import. It is outside each DAG's directory, so deleting one keeps it."""
        shared = all_runtime_files()
        ignored = "".join(f"{name}\n" for name in sorted(shared))
        files.add_directory(
            "SharedFiles",
            self.bucket,
            DAGS_PREFIX,
            {**shared, ".airflowignore": ignored},
            keep=True,
        )
