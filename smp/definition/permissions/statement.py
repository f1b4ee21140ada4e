"""One statement of a policy, and the forms of resources that statements about pipelines have in common.

What only a deployment knows is in a text as a deploy-time name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from smp.definition.deploy_values import (
    ACCOUNT_ID,
    KMS_KEY_ARN,
    LIST_VALUES,
    PARTITION,
    PATTERN,
    REGION,
    URL_SUFFIX,
    substitute,
)
from smp.definition.permissions.access import Access

Resolve = Callable[[str], str | list[str]]
"""Returns the value of a deploy-time name, which comes without `${smp:` and `}`."""


@dataclass(frozen=True)
class Statement:
    """One Allow. `wildcard` is the reason why a resource with `*` cannot be named more closely.

    A text with a list-valued deploy-time name becomes one text for each value of the list.
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[str]
    conditions: Mapping[str, Any] = field(default_factory=dict)
    wildcard: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the statement as IAM takes it."""
        conditions = {"Condition": self.conditions} if self.conditions else {}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **conditions,
        }

    def resolved(self, resolve: Resolve) -> Statement:
        """Return the statement with the values of a deployment in the place of their names."""
        conditions = {
            operator: {
                key: list(_values(value, resolve))
                if isinstance(value, list)
                else substitute(value, resolve)
                for key, value in keys.items()
            }
            for operator, keys in self.conditions.items()
        }
        resources = tuple(dict.fromkeys(_values(self.resources, resolve)))
        return replace(self, resources=resources, conditions=conditions)


def _values(texts: Iterable[str], resolve: Resolve) -> Iterator[str]:
    """Yield each text with its values, one for each value of a list-valued name in it."""
    for text in texts:
        name = next((name for name in PATTERN.findall(text) if name in LIST_VALUES), None)
        for value in resolve(name) if name else [""]:
            chosen = text.replace(f"${{smp:{name}}}", value)
            yield substitute(chosen, resolve)


def regional_arn(service: str, resource: str) -> str:
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT_ID}:{resource}"


def objects(uris: Iterable[str]) -> list[str]:
    """Return the ARNs of the objects at S3 addresses, as `Access` has them."""
    return [f"arn:{PARTITION}:s3:::{key.removeprefix('s3://')}" for key in matching(uris)]


def matching(addresses: Iterable[str]) -> list[str]:
    """Return patterns of what is at addresses: never of a sibling whose name begins in the same way."""
    found: list[str] = []
    for address in addresses:
        if address.endswith("*"):
            found.append(address)
        elif address.endswith("/"):
            found.append(f"{address}*")
        else:
            found += [address, f"{address}/*"]
    return found


def through_s3() -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": f"s3.{REGION}.{URL_SUFFIX}"}}


def key_arns(access: Access) -> list[str]:
    return sorted({KMS_KEY_ARN, *access.kms_keys})
