"""The value of a parameter in text, as an environment variable or a command line gives it.

It imports nothing that takes time: a run reads its parameters before anything else.
"""

from __future__ import annotations

MAX_VALUE = 1024
"""Characters of Parameter.Value (botocore 1.44.5)."""

Value = str | int | float | bool


def read_text(text: str, kind: str) -> Value:
    """Read the value of a type from text; raises ValueError that says what is expected."""
    if kind == "String":
        return text
    if kind == "Boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return text.lower() == "true"
    try:
        value = int(text) if kind == "Integer" else float(text)
    except ValueError:
        raise ValueError(f"must be of type {kind}") from None
    if value in (float("inf"), float("-inf")) or value != value:
        raise ValueError("must be a finite number")
    return value
