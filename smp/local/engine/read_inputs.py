"""What a step read, as it was when the step began: size, number and hash of each input's objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from smp.local.store.file_hashes import FileHashes
from smp.local.store.step_data import Stored, combined_hash


def read_inputs(inputs: list[Stored], hashes: FileHashes) -> tuple[Mapping[str, Any], ...]:
    """Return the record of each input: `name`, `uri`, `files`, `size`, `sha256`, `listing`.

    `sha256` is None if the input has no objects or cannot be read, which fails no step; `listing` is a
    hash of names and sizes.
    """
    return tuple(_record(item, hashes) for item in inputs)


def _record(item: Stored, hashes: FileHashes) -> dict[str, Any]:
    try:
        sizes = [found.file.stat().st_size for found in item.objects]
        found = [hashes.sha256(one.file) for one in item.objects]
    except OSError:
        sizes, found = [], []
    base = item.uri.rstrip("/")
    names = [one.uri.removeprefix(base) for one in item.objects]
    lines = [f"{name}\0{size}\n" for name, size in zip(names, sizes, strict=False)]
    return {
        "name": item.name,
        "uri": item.uri,
        "files": len(sizes),
        "size": sum(sizes),
        "sha256": combined_hash(names, found),
        "listing": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }
