"""Remembers the hashes of large files, so that each is read once for each change."""

from __future__ import annotations

import json
import time
from hashlib import sha256
from pathlib import Path

from smp.local.store.step_data import hash_of
from smp.text.atomic_file import write_atomically

REMEMBERED_BYTES = 1_000_000
"""The hash of a file from this size on is remembered beside its inode, size and times."""
SETTLED_SECONDS = 2.0
"""A file that changed this recently may change again within the resolution of its times."""


class FileHashes:
    """SHA-256 of files; those of large ones are kept in a directory.

    A file is read again if its inode, size, time of modification or time of change differs. The time of
    change cannot be set by a program, so a copy with the old size and modification time is read too.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def sha256(self, file: Path) -> str:
        """Return the hash of a file's content; raises OSError if it cannot be read."""
        status = file.stat()
        if status.st_size < REMEMBERED_BYTES:
            return hash_of(file)
        state = [status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
        memory = self._directory / f"{sha256(str(file).encode()).hexdigest()[:32]}.json"
        known = _read(memory, state)
        if known is not None:
            return known
        found = hash_of(file)
        if time.time() - max(status.st_mtime, status.st_ctime) > SETTLED_SECONDS:
            text = json.dumps({"file": str(file), "state": state, "sha256": found})
            write_atomically(memory, text + "\n", durable=False)
        return found


def _read(memory: Path, state: list[int]) -> str | None:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        return str(known["sha256"]) if known["state"] == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
