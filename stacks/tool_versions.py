"""Versions of the command line tools that builds of a delivery install, as package.json pins them.

It never asks a registry: a build runs the versions of the lock files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from smp.errors import Location, Problem, SetupError

PACKAGE_JSON = "package.json"


@dataclass(frozen=True)
class ToolVersions:
    """Exact versions."""

    cdk: str
    """Of the CDK's command line interface, with which the delivery updates itself."""
    cdk_assets: str
    """Of the program that publishes files to the bootstrap buckets."""


def read_tool_versions(workspace: Path) -> ToolVersions:
    """Return what package.json pins. Raises SetupError where it pins no exact version."""
    text = (workspace / PACKAGE_JSON).read_text("utf-8")
    pinned = json.loads(text).get("devDependencies", {})
    found = {name: str(pinned.get(name, "")) for name in ("aws-cdk", "cdk-assets")}
    problems = [
        Problem(
            "is not pinned to one version",
            Location(PACKAGE_JSON),
            f"devDependencies.{name}",
            repr(version),
        )
        for name, version in found.items()
        if not version[:1].isdigit()
    ]
    if problems:
        raise SetupError(problems)
    return ToolVersions(cdk=found["aws-cdk"], cdk_assets=found["cdk-assets"])
