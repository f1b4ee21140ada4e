"""Lets cdk-assets read manifests of a library that is newer than it.

Of a manifest, only the declared version changes: what is published stays the same.
"""

from __future__ import annotations

from aws_cdk import aws_codebuild as codebuild

READABLE_VERSION = "54.0.0"
"""The newest that cdk-assets 4.7.3 takes. aws-cdk-lib declares 55, and writes assets as 54 has them."""

DECLARE_READABLE = (
    "find . -name '*.assets.json' -exec"
    rf""" sed -i 's/^  "version": "55\.[0-9.]*"/  "version": "{READABLE_VERSION}"/' {{}} +"""
)


def publishing_build_spec() -> codebuild.BuildSpec:
    """Return what a build that publishes assets does before it publishes them."""
    return codebuild.BuildSpec.from_object(
        {
            "phases": {
                "install": {"runtime-versions": {"nodejs": "22"}},
                "pre_build": {"commands": [DECLARE_READABLE]},
            }
        }
    )
