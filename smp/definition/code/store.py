"""Content-addressed code: normalises directories and generated files into hashed trees on disk.

It never runs what it packs; `smp.definition.code.shipped_files` selects the files of a directory.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from smp.definition.code.source_files import read_source_files
from smp.definition.compiled import CodeFile, CodeTree
from smp.errors import SetupError

PackedKey: TypeAlias = tuple[Path, frozenset[str]]
"""A directory, and the files of it that are left out."""


class CodeStore:
    """Keeps every tree as `<root>/<sha256>/<path>`.

    A tree's address depends on the paths and bytes of its files alone: not on times, owners, modes,
    the order of a directory or where it lay.
    """

    def __init__(self, root: Path, packed: Mapping[PackedKey, CodeTree] | None = None) -> None:
        """`packed` are directories that another process has packed into this store."""
        self.root = root
        self.packed: dict[PackedKey, CodeTree] = {}
        """Each directory that was asked for, by its path and what was left out."""
        self.generated: set[str] = set()
        """The trees of files that were generated."""
        self.packed_before = packed or {}
        self._verified: set[str] = set()

    def for_pipeline(self) -> CodeStore:
        """Return a store on the same directory for one pipeline; what was verified is not read again."""
        store = CodeStore(self.root, self.packed_before)
        store._verified = self._verified
        return store

    def add_directory(
        self,
        directory: Path,
        origin: str,
        boundary: Path | None = None,
        without: frozenset[str] = frozenset(),
    ) -> CodeTree:
        """Pack a directory except the files `without`; each store reads it once.

        Links may lead to files inside `boundary`, the directory itself by default. Raises ScriptError.
        """
        key = (directory, without)
        if key not in self.packed:
            before = self.packed_before.get(key)
            if before is not None:
                self.packed[key] = replace(before, origin=origin)
            else:
                files = read_source_files(directory, boundary or directory)
                kept = {path: data for path, data in files.items() if path not in without}
                self.packed[key] = self._add(kept, origin)
        return self.packed[key]

    def add_files(
        self, files: Mapping[str, bytes], origin: str, templates: frozenset[str] = frozenset()
    ) -> CodeTree:
        """Keep generated files; `templates` names those that hold deploy-time names."""
        tree = self._add(files, origin, templates)
        self.generated.add(tree.sha256)
        return tree

    def _add(
        self, files: Mapping[str, bytes], origin: str, templates: frozenset[str] = frozenset()
    ) -> CodeTree:
        tree = tree_of(files, origin, templates)
        self.put(tree, files)
        return tree

    def path_of(self, tree: CodeTree) -> Path:
        """Return the directory that holds a tree."""
        return self.root / tree.sha256

    def holds(self, trees: Iterable[CodeTree]) -> bool:
        """Whether every tree is there, to the byte and with no file more; each is read once."""
        for tree in trees:
            if tree.sha256 not in self._verified:
                if not _is_whole(self.path_of(tree), tree):
                    return False
                self._verified.add(tree.sha256)
        return True

    def put(self, tree: CodeTree, files: Mapping[str, bytes]) -> None:
        """Write a tree under a temporary name and rename it: a half-written tree is never seen."""
        if self.holds([tree]):
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            staging = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        except OSError as error:
            raise SetupError(f"cannot write to {self.root}: {error.strerror}") from error
        try:
            for path, data in files.items():
                target = staging / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            staging.chmod(0o755)
            self._put_in_place(staging, tree)
            self._verified.add(tree.sha256)
        except OSError as error:
            raise SetupError(f"cannot write to {self.root}: {error.strerror}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _put_in_place(self, staging: Path, tree: CodeTree) -> None:
        """Rename a complete tree to its address; if another process was first, its tree stays."""
        place = self.path_of(tree)
        for _ in range(2):
            try:
                staging.rename(place)
            except OSError:
                if self.holds([tree]):
                    return
                shutil.rmtree(place, ignore_errors=True)
            else:
                return
        staging.rename(place)


def _is_whole(place: Path, tree: CodeTree) -> bool:
    """Whether a directory has the files of a tree and no others."""
    try:
        paths = {
            path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()
        }
        return paths == {file.path for file in tree.files} and all(
            not (place / file.path).is_symlink()
            and hashlib.sha256((place / file.path).read_bytes()).hexdigest() == file.sha256
            for file in tree.files
        )
    except OSError:
        return False


def tree_of(
    files: Mapping[str, bytes], origin: str, templates: frozenset[str] = frozenset()
) -> CodeTree:
    """Return the tree of these files; `templates` names those that hold deploy-time names."""
    kept = tuple(
        CodeFile(path, len(data), hashlib.sha256(data).hexdigest(), path in templates)
        for path, data in sorted(files.items())
    )
    return CodeTree(_tree_hash(kept), kept, origin)


def _tree_hash(files: Iterable[CodeFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{file.sha256}\0{int(file.is_template)}\n".encode())
    return digest.hexdigest()
