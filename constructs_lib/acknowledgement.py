"""Accepts single findings of the policy checks, each with a reason that a reviewer may dispute."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Accept findings on one construct: the finding's id to the reason why it stays."""
    if findings:
        cdk.Validations.of(construct).acknowledge(
            *(cdk.Acknowledgment(id=name, reason=why) for name, why in findings.items())
        )
