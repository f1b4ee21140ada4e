"""Walks a directory of scripts and says which files a job gets: what is left out, what is refused.

It never follows a link out of the model's directory and never opens what it does not ship.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from smp.errors import Location, Problem, ScriptError

IGNORE_FILE = ".smpignore"
DEFAULT_IGNORES = (
    ".*",
    "__pycache__",
    "*.pyc",
    "*.pyo",
    "*.egg-info",
    "node_modules",
    "*.swp",
    "*~",
)
MAX_TREE_BYTES = 50 * 1024 * 1024
MAX_TREE_FILES = 2000


def read_source_files(directory: Path, boundary: Path) -> dict[str, bytes]:
    """Return the files of a directory by posix path, without what `.smpignore` and defaults leave out.

    A link is taken as the file that it leads to, inside `boundary` only. Raises ScriptError for other
    links, special and unreadable files, and for more than 50 MiB or 2,000 files.
    """
    files: dict[str, bytes] = {}
    total = 0
    try:
        for path in _walk(directory, _read_ignores(directory), boundary.resolve()):
            total += path.stat().st_size
            if total > MAX_TREE_BYTES or len(files) >= MAX_TREE_FILES:
                raise _too_large(directory)
            files[path.relative_to(directory).as_posix()] = path.read_bytes()
    except OSError as error:
        place = Path(error.filename or directory)
        raise _refused(place, f"cannot be read: {error.strerror}") from error
    return files


def _read_ignores(directory: Path) -> tuple[str, ...]:
    path = directory / IGNORE_FILE
    if not path.is_file() or path.is_symlink():
        return DEFAULT_IGNORES
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError as error:
        raise ScriptError([Problem("is not UTF-8 text", Location(str(path)))]) from error
    own = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    return (*DEFAULT_IGNORES, *own)


def _walk(directory: Path, ignores: tuple[str, ...], boundary: Path) -> Iterator[Path]:
    pending = [directory]
    while pending:
        for entry in _entries(pending.pop()):
            path = Path(entry.path)
            relative = path.relative_to(directory).as_posix()
            if any(fnmatch(entry.name, rule) or fnmatch(relative, rule) for rule in ignores):
                continue
            _check_name(path)
            if entry.is_symlink():
                _check_link(path, boundary)
            if entry.is_dir():
                pending.append(path)
            elif entry.is_file():
                yield path
            else:
                raise _refused(path, "is neither a file nor a directory")


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        return sorted(found, key=lambda entry: entry.name)


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError as error:
        shown = Path(os.fsencode(path).decode(errors="replace"))
        raise _refused(shown, "has a name that is not UTF-8, as keys in S3 are") from error


def _check_link(path: Path, boundary: Path) -> None:
    try:
        target = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _refused(path, "is a link that leads nowhere") from error
    if not target.is_relative_to(boundary):
        raise _refused(path, "is a link out of the model's own directory")
    if target.is_dir():
        raise _refused(path, "is a link to a directory")


def _refused(path: Path, reason: str) -> ScriptError:
    hint = f"remove it, or leave it out by a line in {IGNORE_FILE}"
    return ScriptError([Problem(reason, Location(str(path)), hint=hint)])


def _too_large(directory: Path) -> ScriptError:
    return ScriptError(
        [
            Problem(
                "is too large to ship with every job",
                Location(str(directory)),
                allowed=f"{MAX_TREE_BYTES // 2**20} MiB and {MAX_TREE_FILES} files",
                hint=f"keep data in S3 as a channel, and leave out the rest by {IGNORE_FILE}",
            )
        ]
    )
