"""Accepts single findings of the policy checks, each with a reason that a reviewer may dispute."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from constructs import IConstruct

ALTERED = re.compile(r"[ (){}]|\[.*\[|\].*\]")
"""An id that the CDK alters (a space) or refuses (a bracket). The check compares the unaltered id, so it is
written to the metadata directly."""


def acknowledge(construct: IConstruct, findings: Mapping[str, str]) -> None:
    """Accept findings on one construct: the finding's id to the reason why it stays."""
    plain = {name: why for name, why in findings.items() if not ALTERED.search(name)}
    if plain:
        cdk.Validations.of(construct).acknowledge(
            *(cdk.Acknowledgment(id=name, reason=why) for name, why in plain.items())
        )
    for name in findings.keys() - plain.keys():
        construct.node.add_metadata(
            cdk.Validations.ACKNOWLEDGED_RULES_METADATA_KEY, {f"Annotation::{name}": findings[name]}
        )


def reported(construct: IConstruct, values: Sequence[str]) -> list[str]:
    """Return resources in the form in which a finding about a policy names them.

    All in one call: a call into the CDK costs more than to resolve a resource.
    """
    return [_flat(value) for value in cdk.Stack.of(construct).resolve(list(values))]


def _flat(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("${", "<").replace("}", ">")
    if "Fn::Join" in value:
        separator, items = value["Fn::Join"]
        return str(separator).join(_flat(item) for item in items)
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    if "Fn::ImportValue" in value:
        return _flat(value["Fn::ImportValue"])
    return str(value)
