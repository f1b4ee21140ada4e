"""Finds what a model's configuration names beside it: its directory and scripts.

It reads no script but the first line of a shell script, and lets no path or link lead out of the model's
own directory.
"""

from __future__ import annotations

import os
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from smp.config.read.files import LOOKED_UP, FileSet
from smp.config.read.yaml_tree import Path_
from smp.definition.code.shipped_files import IGNORE_FILE, ShippedFiles, find_shipped_files
from smp.errors import Location, Problem
from smp.text.messages import dotted, shown

SHELL = ".sh"
SCRIPT_SUFFIXES = {("train", "entry_point"): (".py", SHELL)}
MAX_FIRST_LINE = 4096
PYTHON = (".py",)
MISSING = "there is no such "


@dataclass(frozen=True)
class PathFault:
    """What is wrong with a path that a model's configuration names; `path` is below the model."""

    path: Path_
    reason: str
    found: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def problem(self, model: Path_, place: Location) -> Problem:
        """Return it as the problem of a model, whose path this is, at a place in a file."""
        path = dotted((*model, *self.path))
        return Problem(self.reason, place, path, self.found, self.allowed, self.hint)


def is_inside(path: Path, directory: Path) -> bool:
    """Tell whether a path, its links followed, lies in a directory whose links were followed."""
    try:
        return path.resolve().is_relative_to(directory)
    except (OSError, RuntimeError):
        return False


@dataclass(frozen=True)
class Scripts:
    """A model's source directory, absolute with its links followed, and what is wrong with it."""

    directory: Path | None
    faults: tuple[PathFault, ...] = ()


def find_scripts(
    written: Any,
    named: Mapping[tuple[str, str], Any],
    directory: Path,
    roots: tuple[Path, ...],
) -> Scripts:
    """Find the source directory, and the scripts that the sections name, by section and key.

    `directory` is the model's own, its links followed; `roots` are where a source directory is
    looked up after it. What is not a text is left to others to report.
    """
    if not isinstance(written, str) or not written:
        return Scripts(None)
    source = _source_directory(written, directory, roots)
    if isinstance(source, PathFault):
        return Scripts(None, tuple(_with_submodules(iter([source]), directory)))
    faults = (
        fault
        for key, script in named.items()
        if isinstance(script, str) and script
        for fault in script_faults(key, script, source, directory)
    )
    shipped = find_shipped_files(source, directory)
    found = (
        *_with_submodules(faults, directory),
        *_shipped_faults(shipped),
        *_left_out(named, shipped, source),
    )
    return Scripts(source, found)


def _source_directory(written: str, directory: Path, roots: tuple[Path, ...]) -> Path | PathFault:
    path = ("source_directory",)
    if PurePosixPath(written).is_absolute() or "\0" in written:
        return PathFault(path, "must be a relative path", shown(written))
    outside = False
    for root in (directory, *roots):
        candidate = root / written
        sys.audit(LOOKED_UP, str(candidate))
        if not _exists(candidate):
            continue
        if not is_inside(candidate, directory):
            outside = True
        elif not candidate.is_dir():
            return PathFault(path, "is not a directory", shown(written))
        else:
            return candidate.resolve()
    places = " or ".join(str(root) for root in dict.fromkeys((directory, *roots)))
    if outside:
        reason = "leads out of the model's own directory"
        return PathFault(path, reason, shown(written), f"a directory inside {directory}")
    return PathFault(path, "there is no such directory", shown(written), f"a path below {places}")


def script_faults(
    path: tuple[str, str], written: str, source: Path, directory: Path
) -> Iterator[PathFault]:
    """Yield what is wrong with the path of a script below a source directory."""
    suffixes = SCRIPT_SUFFIXES.get(path, PYTHON)
    target = source / written
    parts = PurePosixPath(written)
    if parts.is_absolute() or ".." in parts.parts or "\0" in written or "\\" in written:
        allowed = "a path below source_directory, without '..'"
        yield PathFault(path, "leads out of the source directory", shown(written), allowed)
    elif parts.suffix not in suffixes:
        yield PathFault(path, "is not a script", shown(written), f"a {' or '.join(suffixes)} file")
    elif not _exists(target):
        hint = f"create it, or correct the path; it is looked up in {source}"
        yield PathFault(path, "there is no such file", shown(written), None, hint)
    elif not is_inside(target, directory):
        yield PathFault(path, "is a link out of the model's own directory", shown(written))
    elif not target.is_file():
        yield PathFault(path, "is not a file", shown(written))


def _left_out(
    named: Mapping[tuple[str, str], Any], shipped: ShippedFiles, source: Path
) -> Iterator[PathFault]:
    """Yield each script that is there and that `.smpignore`, or a default, leaves out."""
    if shipped.refusals:
        return
    files = {path.as_posix() for path in shipped.files}
    for key, script in named.items():
        if isinstance(script, str) and script and PurePosixPath(script).as_posix() not in files:
            target = source / script
            if ".." not in PurePosixPath(script).parts and _exists(target) and target.is_file():
                reason, hint = (
                    "is left out of what the jobs get",
                    f"rename it, or take it out of {IGNORE_FILE}",
                )
                yield PathFault(key, reason, shown(script), None, hint)


def _shipped_faults(shipped: ShippedFiles) -> Iterator[PathFault]:
    """Yield what lies in the source directory and cannot be shipped, or not run there."""
    yield from _shell_faults(shipped.directory, shipped.files)
    for refusal in shipped.refusals:
        name = os.fsencode(refusal.path).decode(errors="replace")
        reason = refusal.reason if name == "." else f"{shown(name)} in it {refusal.reason}"
        yield PathFault(("source_directory",), reason, None, refusal.allowed, refusal.hint)


def _shell_faults(source: Path, files: Iterable[Path]) -> Iterator[PathFault]:
    """Yield the shell scripts that Linux does not run: it reads the first line byte by byte."""
    for file in files:
        reason = _shell_fault(source / file) if file.suffix == SHELL else None
        if reason is not None:
            hint = "save it as UTF-8 without a mark and with LF; in git: *.sh text eol=lf"
            allowed = f"line ends of Linux, or a line in {IGNORE_FILE} that leaves it out"
            place = ("source_directory",)
            yield PathFault(place, f"{shown(file.as_posix())} in it {reason}", None, allowed, hint)


def _shell_fault(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            line = stream.readline(MAX_FIRST_LINE)
    except OSError:
        return None
    if line.startswith(BOM_UTF8):
        return "begins with a byte order mark, so its first line names no interpreter"
    if line.endswith(b"\r\n"):
        return "has line ends of Windows, which its interpreter takes as text"
    return None


def _with_submodules(faults: Iterator[PathFault], directory: Path) -> Iterator[PathFault]:
    """Say why something is not there: a delivery takes a repository's own files alone."""
    has_submodules = (directory / ".gitmodules").is_file()
    for fault in faults:
        if has_submodules and fault.reason.startswith(MISSING):
            hint = "this repository has git submodules, which a delivery does not fetch"
            fault = replace(fault, hint=f"{fault.hint}; {hint}" if fault.hint else hint)
        yield fault


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def lookup_roots(workspace: Path, files: FileSet) -> tuple[Path, ...]:
    """Return where a source directory is looked up after the model's own directory."""
    return tuple(dict.fromkeys((workspace, files.base)))
