"""Selects the files of a script directory that a job gets: what is left out, what is refused.

It opens no file but `.smpignore` and those as small as a pointer of Git LFS, and never follows a link
out of the model's directory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

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
MAX_IGNORE_BYTES = 64 * 1024
MAX_REFUSALS = 20
"""What is listed of one directory; the walk ends there."""

POINTER = b"version https://git-lfs.github.com/spec/"
MIN_POINTER_BYTES, MAX_POINTER_BYTES = 100, 1024
"""A pointer of Git LFS has fewer than 1,024 bytes, and a hash of 64 digits (specification of Git LFS)."""

REMOVE = f"remove it, or leave it out by a line in {IGNORE_FILE}"


@dataclass(frozen=True)
class Refusal:
    """Why a file or directory cannot be shipped; `path` is below the directory, `.` itself."""

    path: Path
    reason: str
    allowed: str | None = None
    hint: str | None = REMOVE


@dataclass
class ShippedFiles:
    """The content of a directory of scripts: the files that a job gets, and what is refused."""

    directory: Path
    boundary: Path
    files: list[Path] = field(default_factory=list)
    """Below the directory."""
    refusals: list[Refusal] = field(default_factory=list)
    _bytes: int = 0
    _seen: dict[str, Path] = field(default_factory=dict)

    def walk(self) -> None:
        """Go through all that is not left out, until it is too much or too many are refused."""
        pending, ignores = [self.directory], self._ignores()
        try:
            while pending:
                for entry in _entries(pending.pop()):
                    path = Path(entry.path).relative_to(self.directory)
                    names = (entry.name, path.as_posix())
                    if any(fnmatch(name, rule) for rule in ignores for name in names):
                        continue
                    if refusal := self._refusal(entry, path):
                        self.refusals.append(refusal)
                    elif entry.is_dir():
                        pending.append(Path(entry.path))
                    else:
                        self._take(entry, path)
                    if self._is_too_large() or len(self.refusals) >= MAX_REFUSALS:
                        return
        except OSError as error:
            place = Path(error.filename or self.directory)
            reason = f"cannot be read: {error.strerror}"
            self.refusals.append(Refusal(place.relative_to(self.directory), reason))

    def _take(self, entry: os.DirEntry[str], path: Path) -> None:
        self.files.append(path)
        size = entry.stat().st_size
        self._bytes += size
        if MIN_POINTER_BYTES <= size <= MAX_POINTER_BYTES and _is_pointer(Path(entry.path)):
            reason = "is a pointer of Git LFS, not the file itself"
            self.refusals.append(Refusal(path, reason, hint=f"run `git lfs pull`, or {REMOVE}"))

    def _is_too_large(self) -> bool:
        if self._bytes <= MAX_TREE_BYTES and len(self.files) <= MAX_TREE_FILES:
            return False
        self.refusals.append(
            Refusal(
                Path(),
                "is too large to ship with every job",
                f"{MAX_TREE_BYTES // 2**20} MiB and {MAX_TREE_FILES} files",
                f"keep data in S3 as a channel, and leave out the rest by {IGNORE_FILE}",
            )
        )
        return True

    def _refusal(self, entry: os.DirEntry[str], path: Path) -> Refusal | None:
        reason = _name_problem(entry.name) or self._link_problem(entry)
        if not reason and not entry.is_dir() and not entry.is_file():
            reason = "is neither a file nor a directory"
        if reason:
            return Refusal(path, reason)
        other = self._seen.setdefault(path.as_posix().casefold(), path)
        if other != path:
            reason = f"differs from '{other.name}' in upper and lower case alone"
            return Refusal(path, reason, hint="rename one: to many machines both are one file")
        return None

    def _link_problem(self, entry: os.DirEntry[str]) -> str | None:
        if not entry.is_symlink():
            return None
        try:
            target = Path(entry.path).resolve(strict=True)
        except (OSError, RuntimeError):
            return "is a link that leads nowhere"
        if not target.is_relative_to(self.boundary):
            return "is a link out of the model's own directory"
        return "is a link to a directory" if target.is_dir() else None

    def _ignores(self) -> tuple[str, ...]:
        path = self.directory / IGNORE_FILE
        if not path.is_file() or path.is_symlink():
            return DEFAULT_IGNORES
        try:
            with path.open("rb") as stream:
                text = stream.read(MAX_IGNORE_BYTES + 1)
            if len(text) > MAX_IGNORE_BYTES:
                allowed = f"{MAX_IGNORE_BYTES // 2**10} KiB"
                reason = "is too large for a list of names"
                self.refusals.append(Refusal(Path(IGNORE_FILE), reason, allowed, None))
                return DEFAULT_IGNORES
            lines = [line.strip() for line in text.decode("utf-8").splitlines()]
        except UnicodeDecodeError:
            self.refusals.append(Refusal(Path(IGNORE_FILE), "is not UTF-8 text", hint=None))
            return DEFAULT_IGNORES
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
            self.refusals.append(Refusal(Path(IGNORE_FILE), reason, hint=None))
            return DEFAULT_IGNORES
        own = (line.rstrip("/") for line in lines if line and not line.startswith("#"))
        return (*DEFAULT_IGNORES, *own)


def find_shipped_files(directory: Path, boundary: Path) -> ShippedFiles:
    """Return the files of a directory that a job gets, and what of it is refused.

    A link counts as the file that it leads to, inside `boundary` only. Links out of it, links to
    directories, special and unreadable files are refused, names that hide what they are or differ in
    case alone, and more than 50 MiB or 2,000 files.
    """
    found = ShippedFiles(directory, boundary.resolve())
    found.walk()
    return found


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(POINTER)) == POINTER


def _entries(directory: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(directory) as found:
        yield from sorted(found, key=lambda entry: entry.name)


def _name_problem(name: str) -> str | None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8, as keys in S3 are"
    if not name.isprintable() or "\\" in name:
        return "has a name with a control character or backslash, which hides or changes the name"
    return None
