"""Names of what the CDK's bootstrap leaves in every account and region."""

from __future__ import annotations

from typing import Literal

from aws_cdk import DefaultStackSynthesizer, Token
from aws_cdk.region_info import RegionInfo


def bootstrap_role_arn(account: str, region: str, kind: Literal["deploy", "lookup"]) -> str:
    """Return the ARN of a role that deploys, or of the one that only looks."""
    qualifier = DefaultStackSynthesizer.DEFAULT_QUALIFIER
    name = f"cdk-{qualifier}-{kind}-role-{account}-{region}"
    return f"arn:{partition_of(region)}:iam::{account}:role/{name}"


def partition_of(region: str) -> str:
    """Return the partition of a region: `aws`, `aws-cn`. Of a token only the deployment knows: `aws`."""
    if Token.is_unresolved(region):
        return "aws"
    return RegionInfo.get(region).partition or "aws"
