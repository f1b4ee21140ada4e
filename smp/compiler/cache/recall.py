"""Recalls what a pipeline was compiled to where nothing has changed that loading or compiling reads.

It imports neither of them: what reads a configuration takes longer to import than all that a small run
needs. In doubt something has changed, and it never recalls what was wrong with a configuration.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smp.compiler.cache.engine import engine_lines
from smp.config.read.files import find_files
from smp.config.read.fingerprint import (
    SKIPPED_DIRECTORIES,
    digest,
    file_digest,
    installation_lines,
    workspace_lines,
)
from smp.definition.compiled import CompiledPipeline
from smp.definition.store import CODE_DIRECTORY, compiled_in, read_kept
from smp.errors import SmpError
from smp.text.atomic_file import write_atomically

if TYPE_CHECKING:
    from smp.config.project import Model, Project

RECALLED_DIRECTORY = "recalled"
SETTINGS_FILE = "cdk.json"
"""It names the environments that there are."""

MAX_FILES = 2000
"""A workspace of more is loaded each time: looking at all of them would take as long."""


@dataclass(frozen=True)
class Prepared:
    """A compiled pipeline, and the directory of each configured model that its steps may belong to."""

    compiled: CompiledPipeline
    model_directories: Mapping[str, Path]


@dataclass(frozen=True)
class Asked:
    """Which pipeline is asked for: of the configs that a pattern matches, as one environment has them."""

    workspace: Path
    pattern: str
    environment: str | None
    pipeline: str
    work: Path

    def fingerprint(self) -> str | None:
        """Return a hash of everything that its compilation reads but for variables; None in doubt."""
        try:
            return digest(self._lines())
        except (OSError, RuntimeError, SmpError):
            return None

    def recall(self, environ: Mapping[str, str]) -> Prepared | None:
        """Return what `remember` was given, if that is what would come out now."""
        now = self.fingerprint()
        try:
            kept = json.loads(self._file.read_text("utf-8"))
            if now is None or kept["fingerprint"] != now:
                return None
            if any(_mark(name, environ.get(name)) != mark for name, mark in kept["read"].items()):
                return None
            directories = {name: Path(text) for name, text in kept["models"].items()}
            key = kept["key"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        kept_in = self.work / compiled_in(self.environment)
        compiled = read_kept(kept_in, self.pipeline, key, self.work / CODE_DIRECTORY)
        return None if compiled is None else Prepared(compiled, directories)

    def remember(
        self, fingerprint: str, read: Mapping[str, str | None], project: Project, key: str
    ) -> None:
        """Keep what was loaded and compiled between two looks that gave the same fingerprint.

        `read` are the environment variables that were consulted, `key` is what the compiled pipeline
        is kept by.
        """
        if not all(_is_seen(model, self.workspace) for model in project.models.values()):
            return
        kept = {
            "fingerprint": fingerprint,
            "read": {name: _mark(name, value) for name, value in read.items()},
            "key": key,
            "models": {name: str(model.directory) for name, model in project.models.items()},
        }
        write_atomically(self._file, json.dumps(kept), durable=False)

    @property
    def _file(self) -> Path:
        name = PurePosixPath(self.pipeline).name
        return self.work / RECALLED_DIRECTORY / compiled_in(self.environment) / f"{name}.json"

    def _lines(self) -> Iterator[str]:
        workspace = self.workspace.resolve()
        yield json.dumps([str(workspace), self.pattern, self.environment, self.pipeline])
        yield from installation_lines()
        yield from engine_lines()
        settings = workspace / SETTINGS_FILE
        yield file_digest(settings) if os.path.lexists(settings) else "no settings"
        lines = workspace_lines(workspace, find_files(workspace, self.pattern))
        yield from islice(lines, MAX_FILES)
        if next(lines, None) is not None:
            raise SmpError(f"there are more than {MAX_FILES} files")


@dataclass
class Consulted(Mapping[str, str]):
    """Environment variables that note which of them were asked for."""

    environ: Mapping[str, str]
    read: dict[str, str | None] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        self.read[name] = self.environ.get(name)
        return self.environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.environ)

    def __len__(self) -> int:
        return len(self.environ)


def _is_seen(model: Model, workspace: Path) -> bool:
    """Whether a fingerprint sees all that leads to a model's source directory.

    It sees the model's own directory. One that is looked up in the workspace must be there without links.
    """
    source, written = model.source_directory, model.config.source_directory
    if SKIPPED_DIRECTORIES.intersection(source.relative_to(model.directory).parts):
        return False
    if (model.directory / written).resolve() == source:
        return True
    return ".." not in PurePosixPath(written).parts and workspace.resolve() / written == source


def _mark(name: str, value: str | None) -> str:
    """Return what tells a variable's value from others and does not give it away."""
    return hashlib.sha256(f"{name}\0{value!r}".encode("utf-8", "surrogateescape")).hexdigest()
