"""The value of a parameter in text, as an environment variable or a command line gives it.

It imports nothing that takes time: a run reads its parameters before anything else.
"""

from __future__ import annotations

import re

MAX_VALUE = 1024
"""Characters of Parameter.Value (botocore 1.44.5)."""

NUMBERS = {
    "Integer": re.compile(r"[-+]?[0-9]+"),
    "Float": re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"),
}
"""How a number is written: `int` and `float` also read `1_000`, ` 2` and the digits of other scripts."""

Value = str | int | float | bool


def read_text(text: str, kind: str) -> Value:
    """Read the value of a type from text; raises ValueError with what is expected."""
    if kind == "String":
        return text
    if kind == "Boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return text.lower() == "true"
    if not NUMBERS[kind].fullmatch(text):
        raise ValueError(f"must be of type {kind}")
    value = int(text) if kind == "Integer" else float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("must be a finite number")
    return value
