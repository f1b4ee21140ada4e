"""Says which of this package's own sources a compilation depends on.

It never imports them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import smp

ABOVE = frozenset({"__pycache__", "aws", "cli", "export", "local", "picture", "review"})
"""Directories of what uses compiled pipelines and has no part in making them."""


def engine_files() -> list[Path]:
    """Return every source file that counts, in a fixed order."""
    root = Path(smp.__file__).parent
    return sorted(Path(path) for path in _sources(str(root), ABOVE))


def engine_lines() -> Iterator[str]:
    """Yield a line for each of them that differs where the file does, without reading it."""
    for path in engine_files():
        status = path.stat()
        yield f"{path} {status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}"


def _sources(directory: str, without: frozenset[str] = frozenset()) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry.path
            elif entry.name not in without and entry.is_dir():
                yield from _sources(entry.path)
