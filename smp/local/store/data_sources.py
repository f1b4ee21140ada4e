"""The objects that a data source of a request names: those of a prefix, or those that a manifest lists.

What a job gets and what its record says it read both come from this one place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smp.definition.compiled import CODE_PREFIX, CompiledPipeline
from smp.definition.deploy_values import substitute
from smp.errors import Problem, RunError
from smp.local.store.object_store import ObjectStore, S3Object
from smp.local.store.places import BUCKET, local_value

CODE_URI = f"s3://{BUCKET}/{CODE_PREFIX}/"


class DataSources:
    """Finds the objects of S3 data sources (`S3Uri`, `S3DataType`, …) in the store."""

    def __init__(self, store: ObjectStore, compiled: CompiledPipeline) -> None:
        self._store = store
        self._compiled = compiled

    def objects(self, source: Mapping[str, Any]) -> list[tuple[S3Object, str]]:
        """Return each object and its path in the job's directory; raises RunError if there is none."""
        uri = str(source["S3Uri"])
        return self._manifest(uri) if is_manifest(source) else self._prefix(uri)

    def filled(self, template: Path) -> str:
        """Return the text of a file of a code tree with the values of this machine."""
        text = template.read_text(encoding="utf-8")
        filled = substitute(text, lambda name: local_value(name, self._compiled))
        assert isinstance(filled, str)
        return filled

    def _prefix(self, uri: str) -> list[tuple[S3Object, str]]:
        base = uri if uri.endswith("/") else f"{uri}/"
        objects = self._store.list(uri)
        siblings = [o.uri for o in objects if o.uri != uri and not o.uri.startswith(base)]
        if not objects:
            raise RunError([self._nothing_at(uri)])
        if siblings:
            reason = f"{uri} is read as a prefix, and other objects begin with it too"
            hint = f"write {base} for a directory, or rename the other objects"
            raise RunError([Problem(reason, found=siblings[0], hint=hint)])
        parent = uri.rpartition("/")[0] + "/"
        return [
            (item, item.uri.removeprefix(base if item.uri.startswith(base) else parent))
            for item in objects
        ]

    def _nothing_at(self, uri: str) -> Problem:
        """Return the problem of a prefix with nothing below it: its name may be that of an object."""
        name = uri.rstrip("/")
        if any(item.uri == name for item in self._store.list(name)):
            return Problem(
                f"{uri} is a directory, and {name} is one object",
                hint="an input without an extension is read as a directory: give the object one",
            )
        return Problem(f"there is no object under {uri}; put some there with `smp s3 put`")

    def _manifest(self, uri: str) -> list[tuple[S3Object, str]]:
        """Read a manifest: its first item has the prefix, the others are objects below it."""
        if uri.startswith(CODE_URI):
            sha256, _, path = uri.removeprefix(CODE_URI).partition("/")
            text = self.filled(self._compiled.code_store / sha256 / path)
        else:
            text = self._only(uri).file.read_text(encoding="utf-8")
        try:
            head, *entries = json.loads(text)
            prefix = str(head["prefix"])
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(f"{uri} is not a manifest: {error}") from error
        return [(self._only(f"{prefix}{entry}"), str(entry)) for entry in entries]

    def _only(self, uri: str) -> S3Object:
        for item in self._store.list(uri):
            if item.uri == uri:
                return item
        raise RunError(f"there is no object {uri}; put it there with `smp s3 put`")


def is_manifest(source: Mapping[str, Any]) -> bool:
    """Whether a data source names a list of objects."""
    return source.get("S3DataType") == "ManifestFile"


def is_code(source: Mapping[str, Any]) -> bool:
    """Whether a data source is a code tree, or files of one."""
    return str(source["S3Uri"]).startswith(CODE_URI) and not is_manifest(source)
