"""Content-addressed code: normalises directories and generated files into hashed trees on disk.

It never runs what it packs; `smp.definition.code.shipped_files` says what of a directory is packed.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from smp.definition.code.source_files import read_source_files
from smp.definition.compiled import CodeFile, CodeTree
from smp.definition.store import holds
from smp.errors import SetupError


class CodeStore:
    """Keeps every tree as `<root>/<sha256>/<path>`.

    A tree's address depends on the paths and bytes of its files alone: not on times, owners, modes,
    the order of a directory or where it lay.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._packed: dict[tuple[Path, frozenset[str]], CodeTree] = {}

    def add_directory(
        self,
        directory: Path,
        origin: str,
        boundary: Path | None = None,
        without: frozenset[str] = frozenset(),
    ) -> CodeTree:
        """Pack a directory but for the files `without`; each store reads it once.

        Links may lead to files inside `boundary`, the directory itself by default. Raises ScriptError.
        """
        if (directory, without) not in self._packed:
            files = read_source_files(directory, boundary or directory)
            kept = {path: data for path, data in files.items() if path not in without}
            self._packed[directory, without] = self.add_files(kept, origin)
        return self._packed[directory, without]

    def add_files(
        self, files: Mapping[str, bytes], origin: str, templates: frozenset[str] = frozenset()
    ) -> CodeTree:
        """Keep generated files; `templates` names those that hold deploy-time names."""
        tree = tree_of(files, origin, templates)
        self.put(tree, files)
        return tree

    def path_of(self, tree: CodeTree) -> Path:
        """Return the directory that holds a tree."""
        return self.root / tree.sha256

    def holds(self, trees: Iterable[CodeTree]) -> bool:
        """Whether every file of every tree is there, by size."""
        return holds(self.root, trees)

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
        except OSError as error:
            raise SetupError(f"cannot write to {self.root}: {error.strerror}") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _put_in_place(self, staging: Path, tree: CodeTree) -> None:
        """Rename a complete tree to its address; where another process was first, its tree stays."""
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
