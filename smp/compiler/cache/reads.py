"""Notes what this process reads while it makes a result: files, directories, environment variables.

Python raises an audit event for each file that is opened and each directory that is listed. So what was
read need not be listed by hand, and nothing that a result depends on is forgotten.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.config.read.files import LOOKED_UP

_VOLATILE = ("/dev/", "/proc/", "/sys/")
_WRITES = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

_noting: list[set[str]] = []
_temporary: set[str] = set()
"""Files and directories that this process made to throw away."""


def note_reads() -> set[str]:
    """Return a set that every path is added to which this process reads from now on, absolute."""
    if not _noting:
        sys.addaudithook(_note)
    paths: set[str] = set()
    _noting.append(paths)
    return paths


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        if mode is None and isinstance(flags, int) and flags & _WRITES:
            return
        if isinstance(mode, str) and mode[:1] in "wax":
            return
    elif event in ("tempfile.mkdtemp", "tempfile.mkstemp"):
        _temporary.add(os.path.abspath(os.fsdecode(arguments[0])))
        return
    elif event in ("os.scandir", "os.listdir", LOOKED_UP):
        path = arguments[0]
    else:
        return
    if path is None:
        path = "."
    if isinstance(path, (str, bytes, os.PathLike)):
        name = os.path.abspath(os.fsdecode(path))
        for paths in _noting:
            paths.add(name)


def files_that_count(noted: Iterable[str]) -> Iterator[str]:
    """Yield the files of what was noted, and the source of every module, once each and in order.

    Left out are bytecode, which follows its source; directories of packages, whose modules count; what
    the system makes up; and temporary files.
    """
    packages = tuple(f"{path}{os.sep}" for path in _package_directories())
    modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    sources = {os.path.abspath(path) for path in modules if path}
    for path in sorted(sources.union(noted)):
        if path.startswith(_VOLATILE) or (path.endswith(".pyc") and path not in sources):
            continue
        if _is_temporary(path):
            continue
        is_package = path in sys.path or f"{path}{os.sep}".startswith(packages)
        if is_package and os.path.isdir(path):
            continue
        yield path


def _is_temporary(path: str) -> bool:
    return any(path == made or path.startswith(f"{made}{os.sep}") for made in _temporary)


def _package_directories() -> set[str]:
    """Return the directories of installed packages and of Python's own."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    found = {os.path.abspath(path) for path in map(sysconfig.get_path, names) if path}
    return found | {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}


@dataclass
class RecordingEnviron(Mapping[str, str]):
    """Environment variables that note which of them were read, also of those that are not set."""

    environ: Mapping[str, str]
    read: dict[str, str | None] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        self.read[name] = self.environ.get(name)
        return self.environ[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over all names: then all that are set count, and which are set."""
        self.read |= {ALL_NAMES: _names(self.environ), **self.environ}
        return iter(self.environ)

    def __len__(self) -> int:
        return len(self.environ)


ALL_NAMES = ""
"""In place of a name: which variables are set at all."""


def value_of(environ: Mapping[str, str], name: str) -> str | None:
    """Return what `RecordingEnviron.read` notes for a name."""
    return _names(environ) if name == ALL_NAMES else environ.get(name)


def _names(environ: Mapping[str, str]) -> str:
    return "\0".join(sorted(environ))
