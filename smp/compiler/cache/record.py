"""Records what a result was made from, and checks whether it would be made from the same now.

One mechanism for an assembly, for a pipeline that is run and for a compilation. In doubt there is no
record, and without one the result is made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smp.compiler.cache.fingerprint import (
    Look,
    Sources,
    digest,
    is_older,
    look_settled,
    signature,
)
from smp.compiler.cache.reads import RecordingEnviron, files_that_count, note_reads, value_of
from smp.text.atomic_file import write_atomically

Record = dict[str, Any]

LISTS_DIRECTORY = "read-files"
MAX_LISTS = 32
"""Lists of files that are kept: one for each way in which results are made."""


@dataclass(frozen=True)
class ReadFiles:
    """Files outside of what a look sees, each by its times and inode."""

    paths: tuple[str, ...]

    def signature(self) -> str:
        """Return what a change of any of them changes."""
        return digest(f"{path} {signature(path)[0]}" for path in self.paths)

    def newest(self) -> int:
        """Return the time of their last change."""
        return max((signature(path)[1] for path in self.paths), default=0)

    def record(self, work: Path) -> Record:
        """Return their signature; the list is in a file, which results of one kind share."""
        text = json.dumps(self.paths)
        name = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        place = work / LISTS_DIRECTORY / f"{name}.json"
        if _list_text(place) != text:
            write_atomically(place, text, durable=False)
            _prune(place.parent)
        return {"list": name, "signature": self.signature()}


class ReadFilesCheck:
    """Checks whether files are as a record has them; each list is looked at once."""

    def __init__(self, work: Path) -> None:
        self._directory = work / LISTS_DIRECTORY
        self._now: dict[str, str | None] = {}

    def holds(self, record: Any) -> bool:
        """Whether a record of `ReadFiles` is still true. Raises KeyError and TypeError for another form."""
        name = record["list"]
        if name not in self._now:
            self._now[name] = self._signature(name)
        return self._now[name] is not None and self._now[name] == record["signature"]

    def _signature(self, name: str) -> str | None:
        if Path(name).name != name:
            return None
        text = _list_text(self._directory / f"{name}.json")
        if (
            text is None
            or hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() != name
        ):
            return None
        return ReadFiles(tuple(json.loads(text))).signature()


@dataclass
class Recording:
    """Watches a result being made, from a look at its sources to another."""

    sources: Sources
    environ: RecordingEnviron
    work: Path
    """Directory for the list of what was read; its file system's clock counts."""
    before: Look | None = None
    noted: set[str] = field(default_factory=set)

    @classmethod
    def start(
        cls, sources: Sources, environ: Mapping[str, str], work: Path, most: int | None = None
    ) -> Recording:
        """Take the first look and record all that is read from now on."""
        recording = cls(sources, RecordingEnviron(environ), work)
        try:
            recording.before = look_settled(sources, work, most)
        except (OSError, ValueError):
            return recording
        recording.noted = note_reads()
        return recording

    def finish(self, also_read: Iterable[str] = ()) -> Record | None:
        """Take the second look. None where anything changed in between, or may have."""
        if self.before is None:
            return None
        try:
            after = self.sources.look()
            if after.exact != self.before.exact:
                return None
            files = self._files(also_read)
            if files is None:
                return None
            return {
                "content": after.content,
                "variables": {n: _mark(n, v) for n, v in self.environ.read.items()},
                "files": files.record(self.work),
            }
        except OSError:
            return None

    def _files(self, also_read: Iterable[str]) -> ReadFiles | None:
        """Return what was read and no look sees; None where it was there for a while only, or changed."""
        assert self.before is not None
        outside = []
        for path in files_that_count({*self.noted, *also_read}):
            if path in self.before.files or self.sources.leaves_out(path):
                continue
            if self.sources.covers(path):
                if not os.path.lexists(path) and self.sources.is_code(path):
                    return None  # a module that was there for a while
                if not os.path.lexists(path) or os.path.realpath(path) in self.before.files:
                    continue
            outside.append(path)
        files = ReadFiles(tuple(outside))
        return files if is_older(files.newest(), self.before.taken) else None


def is_unchanged(
    record: Any,
    sources: Sources,
    environ: Mapping[str, str],
    work: Path,
    most: int | None = None,
) -> bool:
    """Whether a result would be made from the same as a record has it; the record may have any form."""
    try:
        variables = record["variables"].items()
        return (
            all(_mark(name, value_of(environ, name)) == mark for name, mark in variables)
            and ReadFilesCheck(work).holds(record["files"])
            and sources.look(most).content == record["content"]
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _mark(name: str, value: str | None) -> str:
    """Return a hash that identifies a variable's value without revealing it."""
    return hashlib.sha256(f"{name}\0{value!r}".encode("utf-8", "surrogateescape")).hexdigest()


def _list_text(place: Path) -> str | None:
    try:
        return place.read_text("utf-8")
    except (OSError, ValueError):
        return None


def _prune(directory: Path) -> None:
    """Remove the lists that were not written for the longest time."""
    lists = sorted(directory.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in lists[:-MAX_LISTS]:
        path.unlink(missing_ok=True)
