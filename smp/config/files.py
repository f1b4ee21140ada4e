"""Finds configuration files by pattern and reads their text.

It never knows what a file says: `smp.config.yaml_tree` parses it.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smp.errors import ConfigError, Location, Problem

DEFAULT_PATTERN = "model_configs/*/conf/*.yaml"
CONF_DIRECTORY = "conf"

MAX_BYTES = 1024 * 1024
"""A hand-written configuration stays far below; a larger file is something else."""

MAX_DIRECTORIES = 20_000
"""How many directories `**` may visit before the pattern counts as too wide."""

UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 does not allow in a file."""

REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Characters by which a line reads otherwise than it is written."""


@dataclass(frozen=True)
class FileSet:
    """The files that a pattern matches, sorted, and the directory that the pattern starts from."""

    base: Path
    files: tuple[Path, ...]


def find_files(workspace: Path, pattern: str) -> FileSet:
    """Return what `pattern` matches: relative to `workspace`, or absolute; `**` is any depth.

    `*` and `**` leave out hidden names, as a shell does. Raises ConfigError when nothing matches.
    """
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts) - 1)
    base = workspace.joinpath(*parts[:fixed])
    visited: set[tuple[int, int]] = set()
    try:
        files = {Path(os.path.abspath(path)) for path in _match(base, parts[fixed:], visited)}  # noqa: PTH100
    except (ValueError, re.error) as error:
        raise ConfigError([Problem(f"the pattern {pattern!r} cannot be used: {error}")]) from error
    if not files:
        raise ConfigError([_nothing_matches(pattern, base)])
    return FileSet(base, tuple(sorted(files)))


def model_directory(file: Path, workspace: Path, base: Path) -> Path:
    """Return the directory that holds the `conf/` with the file, else the file's own directory."""
    for parent in file.parents:
        if parent.name == CONF_DIRECTORY:
            return parent.parent
        if parent in (workspace, base):
            break
    return file.parent


def _nothing_matches(pattern: str, base: Path) -> Problem:
    where = f"looked below {base}" if base.is_dir() else f"the directory {base} does not exist"
    return Problem(
        f"no configuration file matches {pattern!r}",
        found=where,
        hint="check the workspace directory and the pattern of model files",
    )


def _match(
    directory: Path, parts: tuple[str, ...], visited: set[tuple[int, int]]
) -> Iterator[Path]:
    if not parts:
        return
    head, rest = parts[0], parts[1:]
    if head == "**":
        for below in _directories(directory, visited):
            yield from _match(below, rest or ("*",), set())
    elif glob.has_magic(head):
        for name in _names(directory):
            if fnmatch.fnmatchcase(name, head) and (head.startswith(".") or name[0] != "."):
                yield from _step(directory / name, rest, visited)
    else:
        yield from _step(directory / head, rest, visited)


def _step(path: Path, rest: tuple[str, ...], visited: set[tuple[int, int]]) -> Iterator[Path]:
    if rest:
        yield from _match(path, rest, visited)
    elif os.path.lexists(path):
        yield path


def _directories(directory: Path, visited: set[tuple[int, int]]) -> Iterator[Path]:
    """Yield the directory and all below it, each real one once, so that links make no circle."""
    waiting = [directory]
    while waiting:
        current = waiting.pop()
        try:
            status = current.stat()
        except OSError:
            continue
        identity = (status.st_dev, status.st_ino)
        if not stat.S_ISDIR(status.st_mode) or identity in visited:
            continue
        visited.add(identity)
        if len(visited) > MAX_DIRECTORIES:
            raise ValueError(f"it reaches more than {MAX_DIRECTORIES} directories")
        yield current
        waiting.extend(current / name for name in reversed(_names(current)) if name[0] != ".")


def _names(directory: Path) -> list[str]:
    try:
        return sorted(path.name for path in directory.iterdir())
    except OSError:
        return []


def read_text(path: Path, file: str) -> str:
    """Return the text of a UTF-8 file; `file` is its name in messages. Raises ConfigError."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError([_fault(file, "is a directory, not a file")])
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError([_fault(file, "is not a regular file")])
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        reason = (
            "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        )
        raise ConfigError([_fault(file, reason)]) from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise ConfigError([_fault(file, reason)]) from error
    if len(data) > MAX_BYTES:
        found = f"{max(status.st_size, len(data)):,} bytes"
        raise ConfigError([_fault(file, "is too large", found, f"at most {MAX_BYTES:,} bytes")])
    return _decode(data, file)


def _decode(data: bytes, file: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([_fault(file, "is UTF-16 text", None, "UTF-8 text")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        location = _end_of(before, file)
        found = f"the byte 0x{error.object[error.start]:02x}"
        raise ConfigError([Problem("is not UTF-8 text", location, "", found)]) from error
    for pattern, reason in (
        (UNPRINTABLE, "is not a text file"),
        (REORDERING, "has a character that turns the order of what is read"),
    ):
        refused = pattern.search(text)
        if refused:
            location = _end_of(text[: refused.start()], file)
            found = f"the character U+{ord(refused[0]):04X}"
            raise ConfigError([Problem(reason, location, "", found, "YAML text")])
    return text


def _fault(file: str, reason: str, found: str | None = None, allowed: str | None = None) -> Problem:
    return Problem(reason, Location(file, 1, 1), "", found, allowed)


def _end_of(text: str, file: str) -> Location:
    return Location(file, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)
