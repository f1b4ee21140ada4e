"""Remembers the hashes of files, so that each is read once for each change."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

from smp.local.store.step_data import hash_of
from smp.text.atomic_file import write_atomically

REMEMBERED_BYTES = 1_000_000
"""The hash of a file from this size on is kept on the disk, beside its inode, size and times."""
SETTLED_SECONDS = 2.0
FINE_SETTLED_SECONDS = 0.05
"""A file that changed this recently may change again within the resolution of its times: of a file system
that keeps whole seconds, and of one that keeps nanoseconds."""

State = tuple[int, int, int, int]
"""Inode, size, time of modification and time of change."""


class FileHashes:
    """SHA-256 of files: all in memory, those of large ones in a directory too.

    A file is read again if its inode, size, time of modification or time of change differs. The time of
    change cannot be set by a program, so a copy with the old size and modification time is read too.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[Path, tuple[State, str]] = {}
        self._reading: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def sha256(self, file: Path) -> str:
        """Return the hash of a file's content; raises OSError if it cannot be read.

        Steps that ask for a large file at the same time wait for one of them to read it.
        """
        status = file.stat()
        if status.st_size < REMEMBERED_BYTES:
            return self._look_up(file, status)
        with self._lock:
            reading = self._reading[file]
        with reading:
            return self._look_up(file, file.stat())

    def _look_up(self, file: Path, status: os.stat_result) -> str:
        state = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._known.get(file)
        if known is not None and known[0] == state:
            return known[1]
        is_large = status.st_size >= REMEMBERED_BYTES
        memory = self._directory / f"{sha256(str(file).encode()).hexdigest()[:32]}.json"
        kept = _read(memory, state) if is_large else None
        began = time.time()
        found = kept or hash_of(file)
        if kept is not None or _is_settled(status, began):
            self._known[file] = (state, found)
            if is_large and kept is None:
                text = json.dumps({"file": str(file), "state": state, "sha256": found})
                write_atomically(memory, text + "\n", durable=False)
        return found


def _is_settled(status: os.stat_result, now: float) -> bool:
    """Whether a change from now on gives the file other times."""
    is_fine = status.st_ctime_ns % 1_000_000 != 0
    return now - status.st_ctime > (FINE_SETTLED_SECONDS if is_fine else SETTLED_SECONDS)


def _read(memory: Path, state: State) -> str | None:
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
        return str(known["sha256"]) if tuple(known["state"]) == state else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
