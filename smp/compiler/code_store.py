"""Content-addressed code: normalises directories and generated files into hashed trees on disk.

It never follows a link out of the directory and never runs what it packs.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path

from smp.compiler.compiled import CodeFile, CodeTree
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


class CodeStore:
    """Keeps every tree as `<root>/<sha256>/<path>`.

    A tree's address depends on the paths and bytes of its files alone: not on times, owners, modes,
    the order of a directory or where it lay.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._packed: dict[Path, CodeTree] = {}

    def add_directory(self, directory: Path, origin: str) -> CodeTree:
        """Pack a directory without what `.smpignore` and the defaults leave out.

        A directory is read once a process. Raises ScriptError for a link or a special file, and for
        a tree over 50 MiB or 2,000 files.
        """
        if directory not in self._packed:
            self._packed[directory] = self._add_directory(directory, origin)
        return self._packed[directory]

    def _add_directory(self, directory: Path, origin: str) -> CodeTree:
        files: dict[str, bytes] = {}
        total = 0
        for path in _walk(directory, _read_ignores(directory)):
            total += path.stat().st_size
            if total > MAX_TREE_BYTES or len(files) >= MAX_TREE_FILES:
                raise _too_large(directory)
            files[path.relative_to(directory).as_posix()] = path.read_bytes()
        return self.add_files(files, origin)

    def add_files(
        self, files: Mapping[str, bytes], origin: str, templates: frozenset[str] = frozenset()
    ) -> CodeTree:
        """Keep generated files; `templates` names those that hold deploy-time names."""
        kept = tuple(
            CodeFile(path, len(data), hashlib.sha256(data).hexdigest(), path in templates)
            for path, data in sorted(files.items())
        )
        tree = CodeTree(_tree_hash(kept), kept, origin)
        self._write(tree, files)
        return tree

    def path_of(self, tree: CodeTree) -> Path:
        """Return the directory that holds a tree."""
        return self.root / tree.sha256

    def holds(self, trees: Iterable[CodeTree]) -> bool:
        """Whether every file of every tree is there, by size."""
        return all(
            _size(self.path_of(tree) / file.path) == file.size
            for tree in trees
            for file in tree.files
        )

    def _write(self, tree: CodeTree, files: Mapping[str, bytes]) -> None:
        """Write a tree under a temporary name and rename it: a half-written tree is never seen."""
        if self.holds([tree]):
            return
        self.root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.path_of(tree), ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        for path, data in files.items():
            target = staging / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        try:
            staging.chmod(0o755)
            staging.rename(self.path_of(tree))
        except OSError:
            shutil.rmtree(staging, ignore_errors=True)
            if not self.holds([tree]):
                raise


def _tree_hash(files: Iterable[CodeFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.sha256}\0{int(file.is_template)}\n".encode())
    return digest.hexdigest()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _read_ignores(directory: Path) -> tuple[str, ...]:
    path = directory / IGNORE_FILE
    if not path.is_file() or path.is_symlink():
        return DEFAULT_IGNORES
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    own = [line.rstrip("/") for line in lines if line and not line.startswith("#")]
    return (*DEFAULT_IGNORES, *own)


def _walk(directory: Path, ignores: tuple[str, ...]) -> Iterator[Path]:
    pending = [directory]
    while pending:
        current = pending.pop()
        for entry in sorted(os.scandir(current), key=lambda item: item.name):
            path = Path(entry.path)
            relative = path.relative_to(directory).as_posix()
            if any(fnmatch(entry.name, rule) or fnmatch(relative, rule) for rule in ignores):
                continue
            if entry.is_symlink() and not _links_inside(path, directory):
                raise _refused(path, "is a link that leaves the directory, or to a directory")
            if entry.is_dir():
                pending.append(path)
            elif entry.is_file():
                yield path
            else:
                raise _refused(path, "is neither a file nor a directory")


def _links_inside(path: Path, directory: Path) -> bool:
    target = path.resolve()
    return target.is_file() and target.is_relative_to(directory.resolve())


def _refused(path: Path, reason: str) -> ScriptError:
    hint = f"or leave it out by a line in {IGNORE_FILE}"
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
