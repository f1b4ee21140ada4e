"""Recalls what a pipeline was compiled to if nothing has changed that loading or compiling reads.

It imports neither of them: that takes longer than all that a small run needs. It never recalls what was
wrong with a configuration.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from smp.compiler.cache.fingerprint import (
    PACKAGE,
    Sources,
    config_trees,
    engine_lines,
    installation_lines,
)
from smp.compiler.cache.record import Recording, is_unchanged
from smp.compiler.cache.store import Store, compiled_in
from smp.config.read.files import find_files
from smp.definition.compiled import CompiledPipeline
from smp.errors import SmpError
from smp.text.atomic_file import write_atomically

if TYPE_CHECKING:
    from smp.config.project import Project

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
class CompileRequest:
    """Which pipeline is asked for: of the configs that a pattern matches, as one environment has them."""

    workspace: Path
    pattern: str
    environment: str | None
    pipeline: str
    work: Path

    def record(self, environ: Mapping[str, str]) -> Recording | None:
        """Begin to watch the pipeline being loaded and compiled; None in doubt."""
        sources = self._sources()
        if sources is None:
            return None
        return Recording.start(sources, environ, self.work, MAX_FILES)

    def remember(self, recording: Recording, project: Project, key: str) -> None:
        """Keep what was loaded and compiled, which is kept under a key."""
        record = recording.finish()
        if record is not None:
            models = {name: str(model.directory) for name, model in project.models.items()}
            text = json.dumps({"record": record, "key": key, "models": models})
            write_atomically(self._file, text, durable=False)

    def recall(self, environ: Mapping[str, str]) -> Prepared | None:
        """Return what was remembered, if that is what would come out now."""
        try:
            kept = json.loads(self._file.read_text("utf-8"))
            record, key = kept["record"], kept["key"]
            directories = {name: Path(text) for name, text in kept["models"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        sources = self._sources()
        if sources is None or not is_unchanged(record, sources, environ, self.work, MAX_FILES):
            return None
        kept_in = compiled_in(self.environment)
        compiled = Store(self.work).read_exactly(kept_in, self.pipeline, key)
        return None if compiled is None else Prepared(compiled, directories)

    @property
    def _file(self) -> Path:
        name = PurePosixPath(self.pipeline).name
        return self.work / RECALLED_DIRECTORY / compiled_in(self.environment) / f"{name}.json"

    def _sources(self) -> Sources | None:
        workspace = self.workspace.resolve()
        try:
            files = find_files(workspace, self.pattern)
            asked = json.dumps([str(workspace), self.pattern, self.environment, self.pipeline])
            return Sources(
                values=(asked, *installation_lines(), *engine_lines()),
                trees=(workspace / SETTINGS_FILE, *config_trees(workspace, files)),
                apart=(self.work, PACKAGE),
            )
        except (OSError, RuntimeError, SmpError):
            return None
