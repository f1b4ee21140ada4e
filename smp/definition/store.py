"""Keeps compiled pipelines in the work directory, each with the key of what it was compiled from.

It never makes a key, and never imports what loads or compiles: reading one back takes no time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from smp.definition.compiled import CodeTree, CompiledPipeline
from smp.text.atomic_file import write_atomically

CODE_DIRECTORY = "code"
COMPILED_DIRECTORY = "compiled"
REVIEWED_DIRECTORY = "reviewed"
"""Where states other than the working tree's are kept: the two do not push each other out."""


def compiled_in(environment: str | None, usual: str = COMPILED_DIRECTORY) -> str:
    """Return the directory that keeps an environment's results: they push none of another's out."""
    return usual if environment is None else f"{usual}-{environment}"


def write_kept(directory: Path, compiled: CompiledPipeline, key: str) -> None:
    """Keep a pipeline in place of the one of its name that a directory has."""
    kept = {"key": key, "compiled": compiled.to_json()}
    write_atomically(directory / f"{compiled.name}.json", json.dumps(kept))


def read_kept(directory: Path, name: str, key: str, code_store: Path) -> CompiledPipeline | None:
    """Return a pipeline if a directory has it under this key and the code store all of its code."""
    try:
        kept = json.loads((directory / f"{name}.json").read_text(encoding="utf-8"))
        if kept["key"] != key:
            return None
        compiled = CompiledPipeline.from_json(kept["compiled"], code_store)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return compiled if holds(code_store, compiled.local_code()) else None


def holds(code_store: Path, trees: Iterable[CodeTree]) -> bool:
    """Whether every file of every tree is there, by size."""
    return all(
        _size(code_store / tree.sha256 / file.path) == file.size
        for tree in trees
        for file in tree.files
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
