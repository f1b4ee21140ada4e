"""Definitions whose executions the emulated account takes forward."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

KINDS = {"prepare": "Processing", "train": "Training", "register": "RegisterModel"}
PARAMETERS: list[Json] = [
    {"Name": "Rows", "Type": "Integer", "DefaultValue": 10},
    {"Name": "Mode", "Type": "String", "DefaultValue": "fast", "EnumValues": ["fast", "full"]},
]


def definition(*steps: str, emulated: Json | None = None, **more: Any) -> Json:
    """Return a pipeline of these steps; `emulated` says how they end."""
    return {
        "Version": "2020-12-01",
        "Metadata": {"emulated": emulated or {}},
        "Parameters": PARAMETERS,
        "Steps": [{"Name": name, "Type": KINDS[name], "Arguments": {}} for name in steps],
        **more,
    }
