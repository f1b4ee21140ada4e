"""Reuses the result of an earlier step by the service's own rule, which is in `smp.definition.step_types`.

A step hits when an earlier successful step of the same pipeline had the same values of the attributes
that count for its type, is not older than the step allows, and what it wrote is still there. It never
looks at file contents: as in the service, a changed object at the same URI is not noticed.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smp.definition.compiled import Json, StandIn
from smp.definition.step_types import key_attributes, row_of, seconds_of
from smp.errors import RunError
from smp.local.store.object_store import ObjectStore
from smp.local.store.step_data import output_uris
from smp.text.atomic_file import write_atomically

STAND_IN = "the local stand-in"
"""The attribute that counts beside the service's own where a stand-in runs."""


@dataclass(frozen=True)
class Kept:
    """A result that can be used again."""

    run: str
    ended: float
    result: Mapping[str, Any]
    metrics: tuple[Mapping[str, Any], ...]
    inputs: tuple[Mapping[str, Any], ...] = ()


class StepCache:
    """The results of one pipeline's successful steps."""

    def __init__(self, root: Path, pipeline: str, store: ObjectStore) -> None:
        self.directory = root / pipeline
        self._store = store

    def find(
        self, step: Json, arguments: Json, stand_in: StandIn | None = None
    ) -> tuple[Kept | None, str]:
        """Return the latest result that the step may reuse, and why there is none if so.

        A result of a stand-in is only for the same stand-in with the same sources.
        """
        config = step.get("CacheConfig", {})
        if not row_of(step).cached_by:
            return None, f"{step['Type']} steps are not cached"
        if not config.get("Enabled"):
            return None, "caching is not enabled"
        attributes = _attributes(step["Type"], arguments, stand_in)
        path = self._path(step, attributes)
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            lists = (tuple(value["metrics"]), tuple(value.get("inputs", ())))
            kept = Kept(value["run"], value["ended"], value["result"], *lists)
        except (OSError, ValueError, KeyError):
            return None, self._why(step, attributes)
        limit = config.get("ExpireAfter")
        if limit and time.time() - kept.ended > seconds_of(limit):
            return None, f"the result of run {kept.run} is older than {limit}"
        gone = self._gone(value.get("objects", {}))
        return (None, f"of the result of run {kept.run}, {gone}") if gone else (kept, "")

    def keep(
        self, step: Json, arguments: Json, kept: Kept, stand_in: StandIn | None = None
    ) -> None:
        """Remember a successful step's result."""
        if not row_of(step).cached_by:
            return
        attributes = _attributes(step["Type"], arguments, stand_in)
        value = {
            "run": kept.run,
            "ended": kept.ended,
            "result": kept.result,
            "metrics": list(kept.metrics),
            "inputs": list(kept.inputs),
            "attributes": attributes,
            "objects": {uri: self._count(uri) for _, uri in output_uris(kept.result)},
        }
        write_atomically(self._path(step, attributes), json.dumps(value, indent=1), durable=False)

    def _count(self, uri: str) -> int:
        try:
            return len(self._store.list(uri))
        except (RunError, NotADirectoryError):
            return 0

    def _gone(self, objects: Mapping[str, int]) -> str:
        """Say which objects of a result are not there any more; nothing where all are."""
        found = ((uri, before, self._count(uri)) for uri, before in objects.items())
        missing = [
            f"{before - now} of {before} objects under {uri} are gone" if now else f"{uri} is gone"
            for uri, before, now in found
            if now < before
        ]
        return "; ".join(missing)

    def _path(self, step: Json, attributes: Json) -> Path:
        text = json.dumps([step["Name"], step["Type"], attributes], sort_keys=True)
        return self.directory / f"{step['Name']}-{hashlib.sha256(text.encode()).hexdigest()}.json"

    def _all_of(self, name: str) -> Iterator[Path]:
        pattern = re.compile(re.escape(name) + r"-[0-9a-f]{64}\.json")
        yield from (path for path in self.directory.iterdir() if pattern.fullmatch(path.name))

    def _why(self, step: Json, now: Json) -> str:
        """Name the attributes that differ from the step's latest success."""
        try:
            latest = max(self._all_of(step["Name"]), key=lambda path: path.stat().st_mtime_ns)
            before = json.loads(latest.read_text(encoding="utf-8"))["attributes"]
        except (OSError, ValueError, KeyError):
            return "it has not succeeded before"
        changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        return f"changed since its latest success: {', '.join(changed)}"


def _attributes(step_type: str, arguments: Json, stand_in: StandIn | None) -> Json:
    """Return what the cache key of a step's resolved arguments is made of, and its stand-in."""
    chosen = key_attributes(step_type, arguments)
    if stand_in is not None:
        chosen[STAND_IN] = {"script": stand_in.script, "code": stand_in.code.sha256}
    return chosen
