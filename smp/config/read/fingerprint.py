"""Takes the fingerprint of files and of what is installed: it differs where anything of them does.

It imports the standard library alone, so that what did not change costs next to nothing, and it never
says what a difference means.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from smp.config.read.files import FileSet, model_directory

SKIPPED_DIRECTORIES = frozenset({".git", ".venv", "__pycache__", "node_modules"})
"""What no job ever gets, see `smp.definition.code.shipped_files`."""

LARGE_BYTES = 256 * 1024
"""Larger files count by size, times and inode: a change of content always changes one of them."""


def workspace_lines(workspace: Path, files: FileSet) -> Iterator[str]:
    """Yield a line for all that configuration files, and the directories of their models, consist of."""
    for path in files.files:
        yield f"{path} {file_digest(path)}"
    for top in sorted({model_directory(file, workspace, files.base) for file in files.files}):
        yield f"{top} is {top.resolve()}"
        for path in walk(top):
            yield f"{path} {file_digest(path)}"


def installation_lines() -> Iterator[str]:
    """Yield a line for what runs this: Python, and every package that it finds."""
    yield f"{sys.version} {sys.executable} {sys.path}"
    for directory in sys.path:
        if os.path.isdir(directory):  # noqa: PTH112  a third of the time
            names = sorted(os.listdir(directory))  # noqa: PTH208
            yield " ".join(name for name in names if name.endswith((".dist-info", ".egg-info")))


def walk(top: Path) -> Iterator[Path]:
    """Yield every file, link and directory below a directory, in a fixed order."""
    for directory, names, files in os.walk(top):
        names[:] = sorted(name for name in names if name not in SKIPPED_DIRECTORIES)
        for name in (*sorted(files), *names):
            yield Path(directory, name)


def file_digest(path: Path) -> str:
    """Return what changes when a file's content or a link's target does; a pipe is never opened.

    A directory counts as being there. Raises OSError for what cannot be read.
    """
    link = f"-> {path.readlink()} " if path.is_symlink() else ""
    if not path.is_file():
        there = "directory" if path.is_dir() else identity(path) if path.exists() else "nowhere"
        return link + there
    if path.stat().st_size > LARGE_BYTES:
        return link + identity(path)
    return link + hashlib.sha256(path.read_bytes()).hexdigest()


def identity(path: Path) -> str:
    """Return what tells a file from any other, and its content from what it was before."""
    status = path.stat()
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return f"{path.resolve()} {status.st_size} {times} {status.st_dev} {status.st_ino}"


def digest(lines: Iterable[str]) -> str:
    """Return one hash of many lines."""
    found = hashlib.sha256()
    for line in lines:
        found.update(line.encode("utf-8", "surrogateescape") + b"\0")
    return found.hexdigest()
