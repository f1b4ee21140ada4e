"""Content-addressed code: normalises directories and generated files into hashed trees on disk.

It never runs what it packs; `smp.compiler.source_files` says what of a directory is packed.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from smp.compiler.compiled import CodeFile, CodeTree
from smp.compiler.source_files import IGNORE_FILE, read_source_files
from smp.config.project import Model
from smp.config.wording import dotted
from smp.errors import Problem, ScriptError, SetupError


class CodeStore:
    """Keeps every tree as `<root>/<sha256>/<path>`.

    A tree's address depends on the paths and bytes of its files alone: not on times, owners, modes,
    the order of a directory or where it lay.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._packed: dict[Path, CodeTree] = {}

    def add_directory(self, directory: Path, origin: str, boundary: Path | None = None) -> CodeTree:
        """Pack a directory, which is read once by each store.

        Links may lead to files inside `boundary`, the directory itself by default. Raises ScriptError.
        """
        if directory not in self._packed:
            files = read_source_files(directory, boundary or directory)
            self._packed[directory] = self.add_files(files, origin)
        return self._packed[directory]

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


def code_tree(model: Model, store: CodeStore) -> CodeTree:
    """Pack a model's source directory. Raises ScriptError, also where a script is left out of it."""
    origin = model.source_directory.relative_to(model.directory.parent).as_posix()
    tree = store.add_directory(model.source_directory, origin, model.directory)
    missing = list(_left_out(model, {file.path for file in tree.files}))
    if missing:
        raise ScriptError(missing)
    return tree


def _left_out(model: Model, packed: set[str]) -> Iterator[Problem]:
    for section in ("preprocess", "train", "transform", "evaluate"):
        script = getattr(getattr(model.config, section), "entry_point", None)
        if script is not None and PurePosixPath(script).as_posix() not in packed:
            yield Problem(
                "is left out of what the jobs get",
                model.locate(section, "entry_point"),
                dotted(("conf", "models", model.name, section, "entry_point")),
                repr(script),
                hint=f"rename it, or take it out of {IGNORE_FILE}",
            )


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
