"""Plausible constants that the SageMaker SDK sees in place of values that only a deployment knows.

The SDK parses roles, buckets and URIs, so it never gets a `${smp:…}` name. It never sees a real value
either: `to_names` turns each constant that is left in the definition back into its name.
"""

from __future__ import annotations

import json
from typing import Any

from smp.definition import deploy_values

SDK_REGION = "us-east-1"
"""The region that the SDK's session claims; no region of its choice may reach the definition."""

_ACCOUNT = "604215978033"
_CONSTANTS: dict[str, str] = {
    deploy_values.ROLE_ARN: f"arn:aws:iam::{_ACCOUNT}:role/smp-stand-in-9d41c7",
    deploy_values.KMS_KEY_ARN: f"arn:aws:kms:us-east-1:{_ACCOUNT}:key/smp-stand-in-9d41c7",
    deploy_values.BUCKET: "smp-stand-in-bucket-9d41c7",
    deploy_values.SUBNETS: "subnet-smp9d41c7",
    deploy_values.SECURITY_GROUP_IDS: "sg-smp9d41c7",
    deploy_values.REGION: "smp-stand-in-region-9d41c7",
    deploy_values.ACCOUNT_ID: _ACCOUNT,
}
_IMAGE_PREFIX = "smp-stand-in-image-9d41c7/"


def to_constants(text: str) -> str:
    """Replace each deploy-time name in a text by its constant."""
    for name, constant in _CONSTANTS.items():
        text = text.replace(name, constant)
    return deploy_values.PATTERN.sub(_image_constant, text)


def _image_constant(match: Any) -> str:
    name: str = match[1]
    if not name.startswith(deploy_values.IMAGE_PREFIX):
        raise ValueError(f"unknown deploy-time name: {name}")
    return f"{_IMAGE_PREFIX}{name.removeprefix(deploy_values.IMAGE_PREFIX)}/"


def to_names(value: Any) -> Any:
    """Return a copy of a JSON value with each constant replaced by its deploy-time name."""
    text = json.dumps(value)
    for name, constant in _CONSTANTS.items():
        text = text.replace(constant, name)
    return _restore_images(json.loads(text))


def _restore_images(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _restore_images(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore_images(item) for item in value]
    if isinstance(value, str) and value.startswith(_IMAGE_PREFIX):
        return deploy_values.image(value.removeprefix(_IMAGE_PREFIX).rstrip("/"))
    return value
