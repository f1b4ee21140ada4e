"""Compiles many pipelines at once, in the background, and only those whose inputs changed.

It never imports the SDK: a process of its own does, while the caller goes on.
"""

from __future__ import annotations

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

import smp
from smp.atomic import write_atomically
from smp.compiler.code_store import CodeStore
from smp.compiler.compiled import CompiledPipeline
from smp.errors import Problem, SetupError, SmpError
from smp.graph.nodes import PipelineGraph

CODE_DIRECTORY = "code"
COMPILED_DIRECTORY = "compiled"


@dataclass(frozen=True)
class Request:
    """What the worker process is asked to do."""

    graphs: tuple[PipelineGraph, ...]
    code_store: Path


class Compilation:
    """Pipelines on their way: some were compiled before, the rest compile in another process."""

    def __init__(self, graphs: Sequence[PipelineGraph], work_dir: Path) -> None:
        self._store = CodeStore(work_dir / CODE_DIRECTORY)
        self._directory = work_dir / COMPILED_DIRECTORY
        self._graphs = graphs
        self._keys = {graph.name: compile_key(graph, self._store) for graph in graphs}
        kept = {graph.name: self._read(graph) for graph in graphs}
        self._compiled = {name: value for name, value in kept.items() if value is not None}
        self.compiling = tuple(g.name for g in graphs if g.name not in self._compiled)
        """Names of the pipelines whose inputs changed."""
        self._worker = self._start() if self.compiling else None

    def result(self) -> tuple[CompiledPipeline, ...]:
        """Wait for all and return them in the order asked for; raises the problems of all of them."""
        if self._worker is not None:
            self._collect(self._worker)
            self._worker = None
        return tuple(self._compiled[graph.name] for graph in self._graphs)

    def _read(self, graph: PipelineGraph) -> CompiledPipeline | None:
        try:
            kept = json.loads(self._path(graph).read_text(encoding="utf-8"))
            if kept["key"] != self._keys[graph.name]:
                return None
            compiled = CompiledPipeline.from_json(kept["compiled"], self._store.root)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return compiled if self._store.holds(compiled.code) else None

    def _path(self, graph: PipelineGraph) -> Path:
        return self._directory / f"{graph.name}.json"

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SMP_"))}
        environment["PYTHONPATH"] = str(Path(smp.__file__).parent.parent)
        worker = subprocess.Popen(
            [sys.executable, "-m", "smp.compiler.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        pending = tuple(graph for graph in self._graphs if graph.name in self.compiling)
        assert worker.stdin is not None
        pickle.dump(Request(pending, self._store.root), worker.stdin)
        worker.stdin.close()
        return worker

    def _collect(self, worker: subprocess.Popen[bytes]) -> None:
        assert worker.stdout is not None
        with worker:
            answer = worker.stdout.read()
        if worker.returncode != 0:
            raise SetupError("the process that runs the SageMaker SDK ended without an answer")
        problems: list[Problem] = []
        for graph, outcome in zip(self._pending(), pickle.loads(answer), strict=True):
            if isinstance(outcome, SmpError):
                problems += outcome.problems
                failure = type(outcome)
            else:
                self._keep(graph, outcome)
        if problems:
            raise failure(problems)

    def _pending(self) -> Iterable[PipelineGraph]:
        return (graph for graph in self._graphs if graph.name in self.compiling)

    def _keep(self, graph: PipelineGraph, text: str) -> None:
        self._compiled[graph.name] = CompiledPipeline.from_json(text, self._store.root)
        kept = {"key": self._keys[graph.name], "compiled": text}
        write_atomically(self._path(graph), json.dumps(kept))


def compile_all(graphs: Sequence[PipelineGraph], work_dir: Path) -> Compilation:
    """Start compiling what changed since the last time; everything is kept below `work_dir`."""
    return Compilation(graphs, work_dir)


def compile_key(graph: PipelineGraph, store: CodeStore) -> str:
    """Hash everything that a pipeline's compilation depends on."""
    pipeline = graph.pipeline
    digest = hashlib.sha256(_engine_hash().encode())
    digest.update(
        json.dumps(
            [
                pipeline.config.model_dump(mode="json"),
                pipeline.network.model_dump(mode="json"),
                pipeline.s3_bucket,
                pipeline.project_name,
            ]
        ).encode()
    )
    for model in graph.models:
        tree = store.add_directory(model.source_directory, model.source_directory.name)
        digest.update(json.dumps([model.name, model.config.model_dump(mode="json")]).encode())
        digest.update(tree.sha256.encode())
    return digest.hexdigest()


@lru_cache(maxsize=1)
def _engine_hash() -> str:
    """Hash the engine's own sources and the versions of what it compiles with."""
    digest = hashlib.sha256()
    for name in ("sagemaker", "sagemaker-core", "sagemaker-mlops", "sagemaker-train"):
        digest.update(f"{name}=={version(name)}\n".encode())
    digest.update(f"{version('botocore')} {sys.version}\n".encode())
    root = Path(smp.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
