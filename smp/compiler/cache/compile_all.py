"""Compiles many pipelines at once, in the background, and only those whose inputs changed.

It never imports the SDK: a process of its own does, while the caller goes on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import smp
from smp.compiler.cache.engine import engine_files
from smp.compiler.code_trees import code_tree, stand_in_of
from smp.config.project import STAND_INS
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.definition.store import (
    CODE_DIRECTORY,
    COMPILED_DIRECTORY,
    REVIEWED_DIRECTORY,
    read_kept,
    write_kept,
)
from smp.errors import ScriptError, SetupError, SmpError
from smp.graph.nodes import PipelineGraph

WORKER = (sys.executable, "-P", "-m", "smp.compiler.worker")


@dataclass(frozen=True)
class Request:
    """What the worker process is asked to do."""

    graphs: tuple[PipelineGraph, ...]
    code_store: Path


class Compilation:
    """Pipelines on their way: some were compiled before, the rest compile in another process."""

    def __init__(
        self, graphs: Sequence[PipelineGraph], work_dir: Path, kept_in: str = COMPILED_DIRECTORY
    ) -> None:
        self._store = CodeStore(work_dir / CODE_DIRECTORY)
        self._directory = work_dir / kept_in
        known = (work_dir / name for name in (COMPILED_DIRECTORY, REVIEWED_DIRECTORY))
        self._lookup = dict.fromkeys((self._directory, *known))
        self._graphs = graphs
        self.keys = _compile_keys(graphs, self._store)
        """The hash of everything that each pipeline's compilation depends on."""
        kept = {graph.name: self._read(graph) for graph in graphs}
        self._compiled = {name: value for name, value in kept.items() if value is not None}
        self.compiling = tuple(g.name for g in graphs if g.name not in self._compiled)
        """Names of the pipelines whose inputs changed."""
        self._worker = self._start() if self.compiling else None

    def result(self) -> tuple[CompiledPipeline, ...]:
        """Wait for all and return them in the order asked for; raises the problems of all of them."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._collect(worker)
        return tuple(self._compiled[graph.name] for graph in self._graphs)

    def _read(self, graph: PipelineGraph) -> CompiledPipeline | None:
        key = self.keys[graph.name]
        for directory in self._lookup:
            compiled = read_kept(directory, graph.name, key, self._store.root)
            if compiled is not None:
                if directory != self._directory:
                    write_kept(self._directory, compiled, key)
                return compiled
        return None

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SMP_"))}
        environment["PYTHONPATH"] = str(Path(smp.__file__).parent.parent)
        worker = subprocess.Popen(
            WORKER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert worker.stdin is not None
        with contextlib.suppress(BrokenPipeError), worker.stdin as stdin:
            pickle.dump(Request(tuple(self._pending()), self._store.root), stdin)
        return worker

    def _collect(self, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        with worker:
            answer = worker.stdout.read()
        if worker.returncode != 0 or not answer:
            raise SetupError(
                "the process that runs the SageMaker SDK ended without an answer: its last words are above"
            )
        errors: list[SmpError] = []
        for graph, outcome in zip(self._pending(), pickle.loads(answer), strict=True):
            if isinstance(outcome, SmpError):
                errors.append(outcome)
            else:
                self._keep(graph, outcome)
        _raise_all(errors)

    def _pending(self) -> Iterable[PipelineGraph]:
        return (graph for graph in self._graphs if graph.name in self.compiling)

    def _keep(self, graph: PipelineGraph, text: str) -> None:
        compiled = CompiledPipeline.from_json(text, self._store.root)
        self._compiled[graph.name] = compiled
        write_kept(self._directory, compiled, self.keys[graph.name])


def compile_all(
    graphs: Sequence[PipelineGraph], work_dir: Path, kept_in: str = COMPILED_DIRECTORY
) -> Compilation:
    """Start compiling what changed since the last time; everything is kept below `work_dir`.

    `kept_in` names the directory where results are kept; they are looked up in every such directory.
    """
    return Compilation(graphs, work_dir, kept_in)


def _raise_all(errors: Sequence[SmpError]) -> None:
    """Raise the problems of all errors as one, of the kind that comes first."""
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        raise type(errors[0])(dict.fromkeys(problems))


def _compile_keys(graphs: Sequence[PipelineGraph], store: CodeStore) -> dict[str, str]:
    keys = {}
    errors = []
    for graph in graphs:
        try:
            keys[graph.name] = compile_key(graph, store)
        except ScriptError as error:
            errors.append(error)
    _raise_all(errors)
    return keys


def compile_key(graph: PipelineGraph, store: CodeStore) -> str:
    """Hash everything that a pipeline's compilation depends on. Raises ScriptError."""
    pipeline = graph.pipeline
    parts: list[Any] = [
        _engine_hash(),
        pipeline.config.model_dump(mode="json"),
        pipeline.network.model_dump(mode="json"),
        pipeline.s3_bucket,
        pipeline.project_name,
        [trigger.model_package_group for trigger in graph.triggers],
        [repr(node.packages) for node in graph.steps if node.packages],
    ]
    for model in graph.models:
        tree = code_tree(model, store)
        parts.append([model.name, model.config.model_dump(mode="json"), tree.origin, tree.sha256])
        stand_ins = (stand_in_of(model, section, store) for section, _ in STAND_INS)
        parts += [stand_in and stand_in.code.sha256 for stand_in in stand_ins]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def _engine_hash() -> str:
    """Hash the sources that compile, and the versions of what they compile with."""
    digest = hashlib.sha256()
    for name in ("sagemaker", "sagemaker-core", "sagemaker-mlops", "sagemaker-train"):
        digest.update(f"{name}=={version(name)}\n".encode())
    digest.update(f"{version('botocore')} {sys.version}\n".encode())
    root = Path(smp.__file__).parent
    for path in engine_files():
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
