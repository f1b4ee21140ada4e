"""Puts what a model's data script wrote into the local bucket, and takes away what it no longer writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smp.local.store.file_hashes import FileHashes
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import BUCKET, Places
from smp.text.atomic_file import write_atomically


@dataclass(frozen=True)
class Staged:
    """What staging did: the number of files put, and the URIs of the objects removed."""

    count: int
    removed: tuple[str, ...]


def stage_tree(model: str, directory: Path, places: Places) -> Staged:
    """Put a tree of files into the project's bucket.

    An object that an earlier staging of the model put there is removed if this one has no such file: a
    channel would have the old rows beside the new ones. One that was changed since stays.
    """
    store, hashes = ObjectStore(places.buckets), FileHashes(places.hashes)
    before = _read(_record(places, model))
    uris = set(store.put_tree(directory, f"s3://{BUCKET}", follow_links=True))
    kept = uris.union(*_of_others(places, model))
    stale = [uri for uri in before if uri not in kept]
    removed = tuple(uri for uri in stale if _remove(store.path_of(uri), before[uri], hashes))
    now = {uri: hashes.sha256(store.path_of(uri)) for uri in sorted(uris)}
    write_atomically(_record(places, model), json.dumps(now, indent=1) + "\n", durable=False)
    return Staged(len(uris), removed)


def _of_others(places: Places, model: str) -> list[set[str]]:
    own = _record(places, model)
    return [set(_read(file)) for file in places.staged.glob("*.json") if file != own]


def _remove(file: Path, sha256: str, hashes: FileHashes) -> bool:
    """Remove an object if it is as it was staged."""
    if not file.is_file() or hashes.sha256(file) != sha256:
        return False
    file.unlink()
    return True


def _record(places: Places, model: str) -> Path:
    return places.staged / f"{model}.json"


def _read(file: Path) -> Mapping[str, str]:
    """Return the hash of each object that was staged; a damaged record has none."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {str(uri): str(sha256) for uri, sha256 in found.items()}
    except (OSError, ValueError, AttributeError):
        return {}
