"""Reuses the result of an earlier step if nothing that it depends on has changed.

SageMaker's own rule (`smp.definition.step_types`) compares the step's request, so an object that changed at
the same URI is not noticed. A local run also compares the content of the inputs and the Python environment
(`smp.local.engine.content`), and checks that the objects of the result are still what the step wrote.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smp.definition.compiled import Json, StandIn
from smp.definition.step_types import key_attributes, row_of, seconds_of
from smp.errors import RunError
from smp.local.engine.content import Content, changes_of, key_of
from smp.local.store.file_hashes import FileHashes
from smp.local.store.object_store import ObjectStore
from smp.local.store.step_data import output_uris
from smp.text.atomic_file import write_atomically

CONTENT, SAGEMAKER = RULES = ("content", "sagemaker")
"""The rules of reuse: with the content of what a step reads, or SageMaker's own, by its request alone."""

Parts = Mapping[str, Mapping[str, Any]]

STAND_IN = "the local stand-in"
"""The attribute that counts beside the service's own where a stand-in runs."""


@dataclass(frozen=True)
class CachedResult:
    """A result that can be used again."""

    run: str
    ended: float
    result: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    inputs: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a look into the cache gave: a result, or the reason why there is none."""

    result: CachedResult | None
    why: str
    """Why there is no result; with a result, which changes were ignored."""
    differs: bool = False
    """Whether SageMaker's rule and that of a local run give different answers."""


class StepCache:
    """The results of one pipeline's successful steps."""

    def __init__(
        self, root: Path, pipeline: str, store: ObjectStore, hashes: FileHashes, rule: str = CONTENT
    ) -> None:
        self.directory = root / pipeline
        self._store = store
        self._hashes = hashes
        self._rule = rule

    def find(
        self, step: Json, arguments: Json, content: Content, stand_in: StandIn | None = None
    ) -> Found:
        """Return the latest result that the step may reuse, and why there is none if so.

        A result of a stand-in is only for the same stand-in with the same sources.
        """
        config = step.get("CacheConfig", {})
        if not row_of(step).cached_by:
            return Found(None, f"{step['Type']} steps are not cached")
        if not config.get("Enabled"):
            return Found(None, "caching is not enabled")
        attributes = _attributes(step["Type"], arguments, stand_in)
        entries = self._entries(_prefix(step, attributes))
        if not entries:
            return Found(None, self._why(step, attributes))
        return self._choose(entries, content.parts(), config.get("ExpireAfter"))

    def keep(
        self,
        step: Json,
        arguments: Json,
        result: CachedResult,
        content: Content,
        stand_in: StandIn | None = None,
    ) -> None:
        """Remember a successful step's result."""
        if not row_of(step).cached_by:
            return
        attributes, parts = _attributes(step["Type"], arguments, stand_in), content.parts()
        value = {
            "run": result.run,
            "ended": result.ended,
            "result": result.result,
            "metrics": list(result.metrics),
            "inputs": list(result.inputs),
            "warnings": list(result.warnings),
            "attributes": attributes,
            "content": parts,
            "objects": {uri: self._objects(uri) for _, uri in output_uris(result.result)},
        }
        path = self.directory / f"{_prefix(step, attributes)}-{key_of(parts)}.json"
        write_atomically(path, json.dumps(value, indent=1), durable=False)

    def _choose(self, entries: list[_Entry], parts: Parts, limit: str | None) -> Found:
        """Choose among results of the same request, the latest first."""
        same = [entry for entry in entries if key_of(entry.content) == key_of(parts)]
        changes = "" if same else changes_of(entries[0].content, parts)
        chosen = (same or entries)[0]
        run = chosen.result.run
        if limit and time.time() - chosen.result.ended > seconds_of(limit):
            return Found(None, f"the result of run {run} is older than {limit}")
        if changes and self._rule != SAGEMAKER:
            why = f"{changes}; SageMaker would reuse the result of run {run}"
            return Found(None, why, differs=True)
        damage = self._damage(chosen.objects)
        if damage:
            return Found(None, f"of the result of run {run}, {damage}")
        ignored = f"{changes}; --cache sagemaker ignores that" if changes else ""
        return Found(chosen.result, ignored, differs=bool(changes))

    def _objects(self, uri: str) -> dict[str, list[Any]]:
        """Return size and hash of each object under a URI."""
        base = uri.rstrip("/")
        try:
            found = self._store.list(base)
        except (RunError, NotADirectoryError):
            return {}
        return {
            item.uri: [item.file.stat().st_size, self._hashes.sha256(item.file)]
            for item in found
            if item.uri == base or item.uri.startswith(f"{base}/")
        }

    def _damage(self, outputs: Mapping[str, Mapping[str, list[Any]]]) -> str:
        """Return how the objects of a result differ from those that are there; empty if they do not."""
        return "; ".join(
            text
            for uri, before in outputs.items()
            if (text := _difference(uri, before, self._objects(uri)))
        )

    def _entries(self, prefix: str) -> list[_Entry]:
        """Return the readable entries of one request, the latest first; a damaged one counts as none."""
        found = [_read(path) for path in self._files(prefix)]
        entries = [entry for entry in found if entry is not None]
        return sorted(entries, key=lambda entry: entry.result.ended, reverse=True)

    def _files(self, prefix: str) -> list[Path]:
        pattern = re.compile(re.escape(prefix) + r"(-[0-9a-f]{64})+\.json")
        files = self.directory.iterdir() if self.directory.is_dir() else ()
        return [path for path in files if pattern.fullmatch(path.name)]

    def _why(self, step: Json, now: Json) -> str:
        """Name the attributes that differ from the step's latest success."""
        entries = self._entries(step["Name"])
        if not entries:
            return "it has not succeeded before"
        before = entries[0].attributes
        changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        return f"changed since its latest success: {', '.join(changed)}"


@dataclass(frozen=True)
class _Entry:
    """One file of the cache."""

    result: CachedResult
    attributes: Json
    content: Parts
    objects: Mapping[str, Mapping[str, list[Any]]]


def _read(path: Path) -> _Entry | None:
    """Return what a file of the cache holds, or None if it is damaged or of another version."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        lists = tuple(tuple(value[name]) for name in ("metrics", "inputs", "warnings"))
        result = CachedResult(value["run"], float(value["ended"]), dict(value["result"]), *lists)
        content = {name: dict(part) for name, part in value["content"].items()}
        key_of(content)
        objects = {uri: dict(listed) for uri, listed in value["objects"].items()}
        return _Entry(result, dict(value["attributes"]), content, objects)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _difference(uri: str, before: Mapping[str, list[Any]], now: Mapping[str, list[Any]]) -> str:
    gone = before.keys() - now.keys()
    if gone:
        some = f"{len(gone)} of {len(before)} objects under {uri} are gone"
        return some if len(gone) < len(before) else f"{uri} is gone"
    changed = sorted(name for name in before if before[name] != now[name])
    # Added objects are not the step's own: a step that reads them sees them as a change of its inputs.
    return f"{changed[0]} changed" if changed else ""


def _prefix(step: Json, attributes: Json) -> str:
    text = json.dumps([step["Name"], step["Type"], attributes], sort_keys=True)
    return f"{step['Name']}-{hashlib.sha256(text.encode()).hexdigest()}"


def _attributes(step_type: str, arguments: Json, stand_in: StandIn | None) -> Json:
    """Return what the cache key of a step's resolved arguments is made of, and its stand-in."""
    chosen = key_attributes(step_type, arguments)
    if stand_in is not None:
        chosen[STAND_IN] = {"script": stand_in.script, "code": stand_in.code.sha256}
    return chosen
