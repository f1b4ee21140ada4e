"""A definition as a template or the bucket holds it: line by line, or as an object named by its content."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import aws_cdk as cdk

MAX_INLINE_CHARACTERS = 100 * 1024
"""A longer definition is uploaded to the bucket: a template is limited to 1 MB."""


def compact(definition: Any) -> str:
    """Return a definition as one line of text."""
    return json.dumps(definition, ensure_ascii=False, separators=(",", ":"))


def in_lines(definition: Any) -> dict[str, Any]:
    """Return a definition as text that a template shows line by line.

    A join is made by hand: the CDK's own would put all that is between two tokens into one string.
    """
    lines = json.dumps(definition, ensure_ascii=False, indent=1).split("\n")
    return {"Fn::Join": ["\n", lines]}


def content_name(stack: cdk.Stack, text: str, suffix: str) -> str:
    """Return the name of an object that holds a text with the stack's values in it."""
    resolved = json.dumps(stack.resolve(text), sort_keys=True)
    return f"{hashlib.sha256(resolved.encode()).hexdigest()}{suffix}"
