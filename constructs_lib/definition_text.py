"""A definition as a template or the bucket holds it: line by line, or as an object named by its content."""

from __future__ import annotations

import hashlib
import json
import re
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
    return {"Fn::Join": ["\n", json_text(definition, indent=1).split("\n")]}


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON for a property of a template, in which `${HOME}` is text and not a parameter."""
    return _VARIABLE.sub(r"\\u0024{", json.dumps(value, ensure_ascii=False, indent=indent))


_VARIABLE = re.compile(r"\$\{(?!Token\[)")
"""What CloudFormation takes for a parameter outside of Fn::Sub; JSON has another spelling for it."""


def plain_text(text: str | None) -> str | None:
    """Return a text for a property of a template, where `${HOME}` is text and no parameter."""
    if text is None or not _VARIABLE.search(text):
        return text
    first, *rest = _VARIABLE.split(text)
    parts = [f"{first}$", *(f"{{{part}$" for part in rest[:-1]), f"{{{rest[-1]}"]
    return cdk.Token.as_string({"Fn::Join": ["", parts]})


def content_name(stack: cdk.Stack, text: str, suffix: str) -> str:
    """Return the name of an object that holds a text with the stack's values in it."""
    resolved = json.dumps(stack.resolve(text), sort_keys=True)
    return f"{hashlib.sha256(resolved.encode()).hexdigest()}{suffix}"
