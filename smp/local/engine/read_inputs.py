"""What a step read, as it was when the step began: size, number and hash of each input's objects.

Hashing is bounded, and of large files done once for each size and time of change. It never judges what
it finds, and never fails a step: what cannot be read is recorded without a hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smp.local.store.step_data import MAX_HASHED_BYTES, Stored, combined_hash, hash_of
from smp.text.atomic_file import write_atomically

MAX_HASHED_FILES = 2000
REMEMBERED_BYTES = 1_000_000
"""The hash of a file from this size on is kept beside its size and time."""


def read_inputs(inputs: list[Stored], hashes: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the record of each input: `name`, `uri`, `files`, `size`, `sha256`, `listing`.

    `sha256` is None above 256 MB or 2,000 files; `listing` is a hash of names and sizes alone.
    """
    return tuple(_record(item, hashes) for item in inputs)


def _record(item: Stored, hashes: Path) -> dict[str, Any]:
    try:
        sizes = [found.file.stat().st_size for found in item.objects]
        few = len(sizes) <= MAX_HASHED_FILES and sum(sizes) <= MAX_HASHED_BYTES
        found = [_hash(one.file, hashes) for one in item.objects] if few else []
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


def _hash(file: Path, hashes: Path) -> str:
    """Return a file's hash, that of a large one from its last reading if it is the same file."""
    stat = file.stat()
    if stat.st_size < REMEMBERED_BYTES:
        return hash_of(file)
    state = [stat.st_ino, stat.st_size, stat.st_mtime_ns]
    memory = hashes / f"{hashlib.sha256(str(file).encode()).hexdigest()[:32]}.json"
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        if known["state"] == state:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    sha256 = hash_of(file)
    text = json.dumps({"file": str(file), "state": state, "sha256": sha256})
    write_atomically(memory, text + "\n", durable=False)
    return sha256
