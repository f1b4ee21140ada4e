"""Who may take a role: roles of another account that are named, or the builds of this one."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import IConstruct


def named_roles(scope: IConstruct, account: str, names: Sequence[str]) -> iam.IPrincipal:
    """Return roles of an account as a principal.

    Their names are a condition: the trust can be made before they are, and holds when one is made anew.
    """
    partition = cdk.Stack.of(scope).partition
    arns = [f"arn:{partition}:iam::{account}:role/{name}" for name in names]
    return iam.PrincipalWithConditions(
        iam.AccountPrincipal(account), {"ArnEquals": {"aws:PrincipalArn": arns}}
    )


def builds_of_this_account(scope: IConstruct) -> iam.IPrincipal:
    """Return CodeBuild, for projects of the stack's own account alone."""
    return iam.ServicePrincipal(
        "codebuild.amazonaws.com",
        conditions={"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}},
    )
