"""Keeps compiled pipelines in the work directory, each with what it was compiled from.

It never imports what loads or compiles: reading one back takes no time. A result that is unreadable, or not
as it was written, counts as absent.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from smp.compiler.cache.record import ReadFilesCheck, Record
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.text.atomic_file import write_atomically

CODE_DIRECTORY = "code"
COMPILED_DIRECTORY = "compiled"
REVIEWED_DIRECTORY = "reviewed"
"""For states other than the working tree's, so that the two do not replace each other."""


@dataclass(frozen=True)
class Kept:
    """A compiled pipeline and what it was compiled from.

    `key` is the hash of everything but the content of code trees. `trees` are the hashes of the models'
    trees, in the order of the graph, and `contents` the hashes of the files in them whose content had a
    part in compiling, by tree and path. It is None where the definition cannot get other trees.
    """

    compiled: CompiledPipeline
    key: str
    trees: tuple[str, ...]
    contents: tuple[tuple[str, str, str], ...] | None
    files: Record
    """What the compiling process read, see `smp.compiler.cache.record.ReadFiles`."""

    @property
    def exact_key(self) -> str:
        """The hash of everything that it was compiled from."""
        return exact_key(self.key, self.trees)


def exact_key(key: str, trees: tuple[str, ...]) -> str:
    """Return a key that is different for other code trees."""
    return hashlib.sha256("\n".join((key, *trees)).encode()).hexdigest()


class Store:
    """What is kept below a work directory."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.code = CodeStore(work / CODE_DIRECTORY)
        self._files = ReadFilesCheck(work)

    def write(self, directory: str, kept: Kept) -> None:
        """Keep a pipeline in place of the one of its name in a directory."""
        value = {
            "key": kept.key,
            "trees": kept.trees,
            "contents": kept.contents,
            "files": kept.files,
            "compiled": kept.compiled.to_json(),
        }
        text = json.dumps({**value, "checksum": _checksum(value)})
        write_atomically(self._place(directory, kept.compiled.name), text)

    def read(self, directory: str, name: str) -> Kept | None:
        """Return a pipeline that would be compiled by the same code now.

        The code trees of its models may be gone, or others; all else is there.
        """
        try:
            value: dict[str, Any] = json.loads(self._place(directory, name).read_text("utf-8"))
            if value.pop("checksum") != _checksum(value) or not self._files.holds(value["files"]):
                return None
            compiled = CompiledPipeline.from_json(value["compiled"], self.code.root)
            contents = value["contents"]
            return Kept(
                compiled,
                value["key"],
                tuple(value["trees"]),
                None if contents is None else tuple((t, p, h) for t, p, h in contents),
                value["files"],
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def read_exactly(self, directory: str, name: str, key: str) -> CompiledPipeline | None:
        """Return a pipeline if it is kept under this exact key, with all of its code."""
        kept = self.read(directory, name)
        if kept is None or kept.exact_key != key:
            return None
        return kept.compiled if self.code.holds(kept.compiled.local_code()) else None

    def _place(self, directory: str, name: str) -> Path:
        return self.work / directory / f"{PurePosixPath(name).name}.json"


def compiled_in(environment: str | None, usual: str = COMPILED_DIRECTORY) -> str:
    """Return the directory that keeps an environment's results: they replace none of another's."""
    return usual if environment is None else f"{usual}-{environment}"


def _checksum(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
