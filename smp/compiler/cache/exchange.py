"""What the process that compiles is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smp.definition.code.store import PackedKey
from smp.definition.compiled import CodeTree
from smp.errors import SmpError
from smp.graph.nodes import PipelineGraph

Contents = tuple[tuple[str, str, str], ...]
"""Files by the hash of their tree, their path and their own hash."""


@dataclass(frozen=True)
class Request:
    """Pipelines to compile, with the directories of their models as they were packed for the keys.

    The process never reads those directories: a script that is edited meanwhile has no part in it.
    """

    graphs: tuple[PipelineGraph, ...]
    code_store: Path
    packed: Mapping[PackedKey, CodeTree]


@dataclass(frozen=True)
class Outcome:
    """A compiled pipeline as JSON."""

    text: str
    contents: Contents | None
    """The files of the models whose content was read; None where their trees' hashes are hidden in more
    than addresses, so that they cannot be replaced."""


@dataclass(frozen=True)
class Answer:
    """The result of each pipeline, and all files that the process read outside the code store."""

    outcomes: tuple[Outcome | SmpError, ...]
    files: tuple[str, ...]
