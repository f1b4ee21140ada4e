"""Finds configuration files by pattern, and the directory of the model that each belongs to."""

from __future__ import annotations

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smp.errors import ConfigError, Problem

DEFAULT_PATTERN = "model_configs/*/conf/*.yaml"
CONF_DIRECTORY = "conf"

LOOKED_UP = "smp.looked_up"
"""The audit event of a path whose existence decides something: Python raises events for reading alone."""

MAX_DIRECTORIES = 20_000
"""How many directories `**` may visit before the pattern counts as too wide."""


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
