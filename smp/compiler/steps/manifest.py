"""Joins many S3 objects into one input by a manifest file."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Sequence

from smp.compiler.steps.context import StepContext
from smp.definition import deploy_values
from smp.definition.compiled import CodeTree

MANIFEST_FILE = "input.manifest"


def add_manifest(context: StepContext, uris: Sequence[str], origin: str) -> str:
    """Pack a manifest of S3 objects, given with deploy-time names, and return its S3 URI.

    The objects keep their paths below their nearest common prefix.
    """
    prefix = posixpath.commonpath([posixpath.dirname(uri) for uri in uris])
    prefix = prefix.replace("s3:/", "s3://", 1) if not prefix.startswith("s3://") else prefix
    content = [{"prefix": f"{prefix}/"}, *(uri.removeprefix(f"{prefix}/") for uri in uris)]
    text = json.dumps(content, indent=1) + "\n"
    templates = frozenset({MANIFEST_FILE} if deploy_values.names_in(text) else ())
    tree: CodeTree = context.store.add_files({MANIFEST_FILE: text.encode()}, origin, templates)
    return f"{context.session.add_tree(tree)}/{MANIFEST_FILE}"
