"""The stack of a delivery's further permissions in one environment: read, and start pipelines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from constructs_lib.job_environment import JobEnvironment
from constructs_lib.review_role import ReviewRole
from constructs_lib.start_role import StartRole


class DeliveryAccess(cdk.Stack):
    """Two roles with fixed names, each trusted by named roles of the delivery's account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        delivery_account: str,
        stack_prefix: str,
        environment: JobEnvironment,
        pipeline_names: Sequence[str],
        may_start: Sequence[str],
        may_review: Sequence[str],
        **stack_props: Any,
    ) -> None:
        """`may_start` and `may_review` are names of roles in the delivery's account."""
        super().__init__(
            scope,
            construct_id,
            description="Roles that builds of the delivery take in this environment",
            **stack_props,
        )
        ReviewRole(
            self,
            "Review",
            role_name=review_role_name(stack_prefix),
            trusted_account=delivery_account,
            trusted_roles=may_review,
            stack_prefix=stack_prefix,
            bucket=environment.bucket,
            key=environment.key,
        )
        if may_start:
            StartRole(
                self,
                "Start",
                role_name=start_role_name(stack_prefix),
                trusted_account=delivery_account,
                trusted_roles=may_start,
                pipeline_names=pipeline_names,
            )


def review_role_name(stack_prefix: str) -> str:
    return f"{stack_prefix}-delivery-review"


def start_role_name(stack_prefix: str) -> str:
    return f"{stack_prefix}-delivery-start"
