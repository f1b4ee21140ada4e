"""The names, in a compiled definition, of values that only a deployment knows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

ACCOUNT_ID = "${smp:account_id}"
REGION = "${smp:region}"
BUCKET = "${smp:bucket}"
ROLE_ARN = "${smp:role_arn}"
KMS_KEY_ARN = "${smp:kms_key_arn}"
SUBNETS = "${smp:subnets}"
SECURITY_GROUP_IDS = "${smp:security_group_ids}"

PARTITION = "${smp:partition}"
URL_SUFFIX = "${smp:url_suffix}"
TRIGGER_QUEUE_ARN = "${smp:trigger_queue_arn}"
"""The queue is used in permissions only, as is the account of an image's owner."""

LIST_VALUES = frozenset({"subnets", "security_group_ids"})
"""Names whose value is a list: such a name is the only item of its list."""

IMAGE_PREFIX = "image."
IMAGE_ACCOUNT_PREFIX = "image_account."
FUNCTION_PREFIX = "function."

PATTERN = re.compile(r"\$\{smp:([a-z_]+(?:\.[A-Za-z0-9._-]+)?)\}")


def image(name: str) -> str:
    """Return the name of an image whose URI depends on the region."""
    return f"${{smp:{IMAGE_PREFIX}{name}}}"


def function(name: str) -> str:
    """Return the name of the ARN of a function that this project deploys with a pipeline."""
    return f"${{smp:{FUNCTION_PREFIX}{name}}}"


def image_account(name: str) -> str:
    """Return the name of the account that owns a named image in the region."""
    return f"${{smp:{IMAGE_ACCOUNT_PREFIX}{name}}}"


def names_in(value: Any) -> set[str]:
    """Return every deploy-time name that occurs anywhere in a JSON value, without `${smp:` and `}`."""
    if isinstance(value, str):
        return set(PATTERN.findall(value))
    if isinstance(value, dict):
        return set().union(*(names_in(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(names_in(item) for item in value))
    return set()


def substitute(value: Any, resolve: Callable[[str], str | list[str]]) -> Any:
    """Return a copy of a JSON value with each deploy-time name replaced by what `resolve` returns.

    A list-valued name replaces the one-item list that contains it.
    """
    if isinstance(value, str):
        return PATTERN.sub(lambda match: _text(resolve(match[1]), match[1]), value)
    if isinstance(value, dict):
        return {key: substitute(item, resolve) for key, item in value.items()}
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], str):
            match = PATTERN.fullmatch(value[0])
            if match and match[1] in LIST_VALUES:
                return list(resolve(match[1]))
        return [substitute(item, resolve) for item in value]
    return value


def _text(value: str | list[str], name: str) -> str:
    if isinstance(value, list):
        raise TypeError(f"{name} is a list and cannot be part of a text")
    return value
