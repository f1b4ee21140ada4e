"""Looks at what a result is made from: values, files, what is installed, and what a process read.

A look gives two hashes. `content` is equal for equal content: results are found by it. `exact` also
counts times and inodes: two looks with the same one have nothing in between, not even an edit that was
undone. Imports the standard library alone: an unchanged workspace costs next to nothing.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import smp
from smp.config.read.files import FileSet, model_directory

SKIPPED_DIRECTORIES = frozenset({".git", ".venv", "__pycache__", "node_modules"})
"""No job gets these from its source directory, see `smp.definition.code.shipped_files`."""

LARGE_BYTES = 256 * 1024
"""Larger files count by size, times and inode instead of content."""

TICK_NS = 20_000_000
"""Two writes within one tick of the kernel's clock can have the same time. It is 10 ms at most."""

COARSE_TICK_NS = 2_000_000_000
"""The same for a file system that keeps whole seconds, or every other one."""

ASSEMBLY_MARK = "cdk.out"
"""A file that the CDK writes into each assembly."""

PACKAGE = Path(smp.__file__).parent

USES_OF_PIPELINES = frozenset({"aws", "cli", "export", "local", "picture", "review"})
"""Directories of `smp` that use compiled pipelines and have no part in making them."""


@dataclass(frozen=True)
class Look:
    """What was found at a time; `newest` is the time of the last change of any of the files."""

    content: str
    exact: str
    files: frozenset[str]
    newest: int
    taken: int = 0


@dataclass(frozen=True)
class Sources:
    """What a result is made from, as far as that is known before it is made.

    `values` are settings and versions. `trees` are files, and directories with all that is in them.
    `code` are directories of Python packages: the same, but Python keeps its bytecode there, so the
    times of the directories themselves do not count. `apart` are directories that do not
    count at all: results, and what `values` cover.
    """

    values: tuple[str, ...]
    trees: tuple[Path, ...]
    code: tuple[Path, ...] = ()
    apart: tuple[Path, ...] = ()

    def look(self, most: int | None = None) -> Look:
        """Look at all of it. Raises OSError for what cannot be read, ValueError for more than `most`."""
        content, exact = hashlib.sha256(), hashlib.sha256()
        newest, files = 0, set()
        for value in self.values:
            _add(content, value)
        for top in self.trees:
            _add(content, f"{top} is {os.path.realpath(top)}")
        for path, is_code in self._paths():
            entry = _Entry.at(path)
            line = f"{path} {entry.content}"
            _add(content, line)
            if not (is_code and entry.is_directory):
                _add(exact, f"{line} {entry.times}")
                newest = max(newest, entry.changed)
            files.add(str(path))
            if most is not None and len(files) > most:
                raise ValueError(f"there are more than {most} files")
        exact.update(content.digest())
        return Look(content.hexdigest(), exact.hexdigest(), frozenset(files), newest)

    def covers(self, path: str) -> bool:
        """Whether a look would see a path if something were there."""
        return any(
            _is_below(path, top)
            and SKIPPED_DIRECTORIES.isdisjoint(Path(path).relative_to(top).parts)
            for top in (*self.trees, *self.code)
        )

    def is_code(self, path: str) -> bool:
        """Whether a path is in a directory of Python packages."""
        return any(_is_below(path, top) for top in self.code)

    def leaves_out(self, path: str) -> bool:
        """Whether a path counts for nothing."""
        return any(_is_below(path, top) for top in self.apart)

    def _paths(self) -> Iterator[tuple[Path, bool]]:
        for tops, is_code in ((self.trees, False), (self.code, True)):
            for top in tops:
                yield top, is_code
                if top.is_dir():
                    yield from ((path, is_code) for path in walk(top))


@dataclass(frozen=True)
class _Entry:
    """What is at a path: its content and mode, its times and inode, when it changed last."""

    content: str
    times: str
    changed: int
    is_directory: bool = False

    @classmethod
    def at(cls, path: Path) -> _Entry:
        """Look at a file, directory, link or nothing; a pipe or device is never opened."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return cls("nowhere", "", 0)
        if stat.S_ISLNK(status.st_mode):
            return cls._behind_link(path, status)
        if stat.S_ISDIR(status.st_mode):
            return cls("directory", _times(status), status.st_ctime_ns, is_directory=True)
        mode = f"{status.st_mode:o}"
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGE_BYTES:
            return cls(f"{mode} {_times(status)}", _times(status), status.st_ctime_ns)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(f"{mode} {digest}", _times(status), status.st_ctime_ns)

    @classmethod
    def _behind_link(cls, path: Path, status: os.stat_result) -> _Entry:
        target = os.path.realpath(path)
        behind = cls("in a circle", "", 0) if os.path.islink(target) else cls.at(Path(target))
        return cls(
            f"-> {path.readlink()} = {target} {behind.content}",
            f"{_times(status)} {behind.times}",
            max(status.st_ctime_ns, behind.changed),
        )


def entry_content(path: Path) -> str:
    """Return what changes when a file's content, mode or link does."""
    return _Entry.at(path).content


def signature(path: str) -> tuple[str, int]:
    """Return what a change of a file's content always changes, without reading it, and its last change.

    Links in the path are followed: what they lead to counts.
    """
    try:
        status = os.stat(path)
    except OSError:
        return "nowhere", 0
    return f"{status.st_mode:o} {_times(status)}", status.st_ctime_ns


def look_settled(sources: Sources, clock: Path, most: int | None = None) -> Look | None:
    """Look at a time after which every change gives a file another time; None if that is not soon.

    `clock` is a directory on the file system: its time counts, which may be that of a server.
    """
    for _ in range(2):
        look = sources.look(most)
        now = file_system_time(clock)
        if is_older(look.newest, now):
            return replace(look, taken=now)
        time.sleep(TICK_NS / 1e9)
    return None


def file_system_time(directory: Path) -> int:
    """Return the present time of a file system's clock. Raises OSError if nothing can be written."""
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=directory) as file:
        file.write(b"x")
        file.flush()
        return os.fstat(file.fileno()).st_mtime_ns


def is_older(changed: int, taken: int) -> bool:
    """Whether a file changed before a time, so long before that no later change has the same time."""
    is_exact = changed % 1_000_000_000 != 0
    return taken - changed > (TICK_NS if is_exact else COARSE_TICK_NS)


def config_trees(workspace: Path, files: FileSet) -> tuple[Path, ...]:
    """Return configuration files, and the directories of their models."""
    models = {model_directory(file, workspace, files.base) for file in files.files}
    return (*files.files, *sorted(models))


def installation_lines() -> Iterator[str]:
    """Yield a line for what runs this: Python, and all that an import can find at the top.

    A distribution counts by its record of files, which every installation writes; a `.pth` file, which
    adds directories or runs code, by its content.
    """
    yield f"{sys.version} {sys.executable} {sys.flags} {sys.path}"
    yield signature(sys.executable)[0]
    for directory in sys.path:
        try:
            names = sorted(os.listdir(directory or "."))
        except OSError:
            continue
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                yield f"{name} {signature(os.path.join(directory, name, 'RECORD'))[0]}"
            elif name.endswith((".pth", ".egg-link")):
                yield f"{name} {_Entry.at(Path(directory, name)).content}"
            elif _can_be_imported(name) and not _is_assembly(os.path.join(directory, name)):
                yield name


def _can_be_imported(name: str) -> bool:
    """Whether a name is that of a module, or of a directory that may be a package."""
    if name.startswith((".", "__pycache__")):
        return False
    return "." not in name or name.endswith((".py", ".so", ".zip"))


def _is_assembly(directory: str) -> bool:
    """Whether a directory is an output of the CDK, and so no package although it is named like one."""
    return os.path.exists(os.path.join(directory, ASSEMBLY_MARK)) and not os.path.exists(
        os.path.join(directory, "__init__.py")
    )


@dataclass(frozen=True)
class Engine:
    """The sources that compile: a hash of them and of Python, and one of the sources' times."""

    content: str
    times: str

    @classmethod
    def now(cls) -> Engine:
        """Read all of them."""
        times = digest(engine_lines())
        found = hashlib.sha256(f"{sys.version} {os.path.realpath(sys.executable)}\n".encode())
        for path in engine_files():
            found.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
        return cls(found.hexdigest(), times)

    def is_untouched(self) -> bool:
        """Whether no source was touched since."""
        return digest(engine_lines()) == self.times


def engine_lines() -> Iterator[str]:
    """Yield a line for each of `engine_files` that differs where the file does, without reading it."""
    yield from (f"{path} {signature(str(path))[0]}" for path in engine_files())


def engine_files() -> list[Path]:
    """Return the sources of `smp` that have a part in making a compiled pipeline, in a fixed order."""
    return sorted(Path(path) for path in _python_files(str(PACKAGE), USES_OF_PIPELINES))


def _python_files(directory: str, without: frozenset[str] = frozenset()) -> Iterator[str]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry.path
            elif entry.name not in {"__pycache__", *without} and entry.is_dir():
                yield from _python_files(entry.path)


def walk(top: Path) -> Iterator[Path]:
    """Yield every file, link and directory below a directory, in a fixed order."""
    for directory, names, files in os.walk(top, onerror=_raise):
        names[:] = sorted(name for name in names if name not in SKIPPED_DIRECTORIES)
        for name in (*sorted(files), *names):
            yield Path(directory, name)


def walk_all(top: Path) -> Iterator[str]:
    """Yield every file and link below a directory, in skipped directories too, in a fixed order."""
    for directory, names, files in os.walk(top, onerror=_raise):
        names.sort()
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        yield from (os.path.join(directory, name) for name in (*sorted(files), *links))


def digest(lines: Iterable[str]) -> str:
    """Return one hash of many lines."""
    found = hashlib.sha256()
    for line in lines:
        _add(found, line)
    return found.hexdigest()


def _add(found: hashlib._Hash, line: str) -> None:
    found.update(line.encode("utf-8", "surrogateescape") + b"\0")


def _times(status: os.stat_result) -> str:
    times = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return f"{times} {status.st_dev} {status.st_ino}"


def _is_below(path: str, top: Path) -> bool:
    return path == str(top) or path.startswith(f"{top}{os.sep}")


def _raise(error: OSError) -> None:
    raise error
