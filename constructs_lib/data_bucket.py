"""The bucket of all pipelines: their data, code, results and models, and the log of who read them."""

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
from smp.definition.compiled import EXECUTIONS_PREFIX

COLD_AFTER_DAYS = 30
KEEP_REPLACED_DAYS = 90


class DataBucket(Construct):
    """An encrypted, versioned, private bucket and the bucket for its access logs.

    What steps hand on within an execution goes after `intermediate_output_days`. Nothing else is
    deleted by age: a version in the registry points to its model and its report. Objects that nobody
    reads for 30 days cost less from then on, replaced ones go after 90 days.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        key: kms.IKey,
        intermediate_output_days: int,
        removal_policy: cdk.RemovalPolicy,
    ) -> None:
        super().__init__(scope, construct_id)
        self.access_logs = add_access_log_bucket(self, "AccessLogs", removal_policy=removal_policy)
        self.bucket = add_encrypted_bucket(
            self,
            "Bucket",
            key=key,
            access_logs=self.access_logs,
            log_prefix="data/",
            lifecycle_rules=_lifecycle_rules(intermediate_output_days),
            removal_policy=removal_policy,
        )
        self.node.default_child = self.bucket.node.default_child

    def send_events(self) -> None:
        """Send what happens to objects to EventBridge, by a property: the CDK makes a function for it."""
        resource = self.bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        path = "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled"
        resource.add_property_override(path, True)


def _lifecycle_rules(intermediate_output_days: int) -> list[s3.LifecycleRule]:
    return [
        s3.LifecycleRule(
            id="CheaperWhenUnread",
            transitions=[
                s3.Transition(
                    storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                    transition_after=cdk.Duration.days(COLD_AFTER_DAYS),
                )
            ],
        ),
        s3.LifecycleRule(
            id="DropIntermediateOutputs",
            prefix=f"{EXECUTIONS_PREFIX}/",
            expiration=cdk.Duration.days(intermediate_output_days),
        ),
        s3.LifecycleRule(
            id="DropReplacedObjects",
            noncurrent_version_expiration=cdk.Duration.days(KEEP_REPLACED_DAYS),
            expired_object_delete_marker=True,
            abort_incomplete_multipart_upload_after=cdk.Duration.days(KEEP_UPLOADS_DAYS),
        ),
    ]
