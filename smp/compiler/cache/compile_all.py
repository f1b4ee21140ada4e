"""Compiles many pipelines at once, in the background, and only those whose inputs changed.

It never imports the SDK: a separate process does, while the caller continues. A pipeline of which only
scripts changed needs no SDK at all, see `smp.compiler.cache.code_addresses`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smp.compiler.cache.code_addresses import with_trees
from smp.compiler.cache.exchange import Answer, Outcome, Request
from smp.compiler.cache.fingerprint import is_older
from smp.compiler.cache.record import ReadFiles, Record
from smp.compiler.cache.store import (
    COMPILED_DIRECTORY,
    REVIEWED_DIRECTORY,
    Kept,
    Store,
    exact_key,
)
from smp.compiler.cache.worker_process import WorkerProcess, engine
from smp.compiler.code_trees import code_tree, stand_in_of, whole_tree
from smp.config.project import STAND_INS
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree, CompiledPipeline
from smp.errors import ScriptError, SmpError
from smp.graph.nodes import PipelineGraph


@dataclass(frozen=True)
class Inputs:
    """What one pipeline is compiled from: the text of its settings, and the code of its models.

    `key` is the hash of everything but the content of the trees.
    """

    settings: str
    trees: tuple[CodeTree, ...]
    key: str

    @property
    def exact_key(self) -> str:
        """The hash of everything."""
        return exact_key(self.key, self.hashes)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hash of each tree."""
        return tuple(tree.sha256 for tree in self.trees)


class Compilation:
    """Pipelines on their way: some were compiled before, the rest compile in another process."""

    def __init__(
        self,
        graphs: Sequence[PipelineGraph],
        work_dir: Path,
        kept_in: str = COMPILED_DIRECTORY,
        worker: WorkerProcess | None = None,
    ) -> None:
        """`worker` is a process that was started before it was known what changed."""
        self._store = Store(work_dir)
        self._kept_in = kept_in
        self._lookup = dict.fromkeys((kept_in, COMPILED_DIRECTORY, REVIEWED_DIRECTORY))
        self._graphs = graphs
        self._worker = worker
        self._inputs = _all_inputs(graphs, self._store.code)
        kept = {graph.name: self._read(graph) for graph in graphs}
        self._compiled = {name: value for name, value in kept.items() if value is not None}
        self.compiling = tuple(g.name for g in graphs if g.name not in self._compiled)
        """Names of the pipelines that need the SDK: more than scripts changed."""
        self._begin()

    @property
    def keys(self) -> dict[str, str]:
        """The hash of everything that each pipeline's compilation depends on."""
        return {name: exact_key(inputs.key, inputs.hashes) for name, inputs in self._inputs.items()}

    def result(self) -> tuple[CompiledPipeline, ...]:
        """Wait for all and return them in the order asked for; raises the problems of all of them."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._collect(worker)
        return tuple(self._compiled[graph.name] for graph in self._graphs)

    def _read(self, graph: PipelineGraph) -> CompiledPipeline | None:
        inputs = self._inputs[graph.name]
        for directory in self._lookup:
            kept = self._store.read(directory, graph.name)
            if kept is None or kept.key != inputs.key:
                continue
            compiled = with_trees(kept, inputs.trees, inputs.settings)
            if compiled is None or not self._store.code.holds(compiled.local_code()):
                continue
            if compiled is not kept.compiled or directory != self._kept_in:
                self._store.write(self._kept_in, renewed(kept, compiled, inputs))
            return compiled
        return None

    def _begin(self) -> None:
        if self.compiling:
            self._worker = self._worker or WorkerProcess(self._store.work)
            code = self._store.code
            self._worker.ask(Request(tuple(self._pending()), code.root, code.packed))
        elif self._worker is not None:
            self._worker.dismiss()
            self._worker = None

    def _collect(self, worker: WorkerProcess) -> None:
        answer = worker.answer()
        files = self._record(answer, worker.started)
        errors: list[SmpError] = []
        for graph, outcome in zip(self._pending(), answer.outcomes, strict=True):
            if isinstance(outcome, SmpError):
                errors.append(outcome)
            else:
                self._keep(graph, outcome, files)
        _raise_all(errors)

    def _pending(self) -> Iterable[PipelineGraph]:
        return (graph for graph in self._graphs if graph.name in self.compiling)

    def _record(self, answer: Answer, started: int) -> Record | None:
        """Return what the process read; None where anything of it, or the engine, changed meanwhile."""
        files = ReadFiles(answer.files)
        if not is_older(files.newest(), started) or not engine().is_untouched():
            return None
        return files.record(self._store.work)

    def _keep(self, graph: PipelineGraph, outcome: Outcome, files: Record | None) -> None:
        compiled = CompiledPipeline.from_json(outcome.text, self._store.code.root)
        self._compiled[graph.name] = compiled
        if files is not None:
            inputs = self._inputs[graph.name]
            kept = Kept(compiled, inputs.key, inputs.hashes, outcome.contents, files)
            self._store.write(self._kept_in, kept)


def compile_all(
    graphs: Sequence[PipelineGraph],
    work_dir: Path,
    kept_in: str = COMPILED_DIRECTORY,
    worker: WorkerProcess | None = None,
) -> Compilation:
    """Start compiling what changed since the last time; everything is kept below `work_dir`.

    `kept_in` names the directory where results are kept; they are looked up in every such directory.
    """
    return Compilation(graphs, work_dir, kept_in, worker)


def renewed(kept: Kept, compiled: CompiledPipeline, inputs: Inputs) -> Kept:
    """Return what is kept of a pipeline that got other code."""
    now = dict(zip(kept.trees, inputs.hashes, strict=True))
    contents = kept.contents and tuple((now[tree], path, sha) for tree, path, sha in kept.contents)
    return replace(kept, compiled=compiled, trees=inputs.hashes, contents=contents)


def _raise_all(errors: Sequence[SmpError]) -> None:
    """Raise the problems of all errors as one, of the kind that comes first."""
    if errors:
        problems = [problem for error in errors for problem in error.problems]
        raise type(errors[0])(dict.fromkeys(problems))


def _all_inputs(graphs: Sequence[PipelineGraph], store: CodeStore) -> dict[str, Inputs]:
    found = {}
    errors = []
    for graph in graphs:
        try:
            found[graph.name] = inputs_of(graph, store)
        except ScriptError as error:
            errors.append(error)
    _raise_all(errors)
    return found


def inputs_of(graph: PipelineGraph, store: CodeStore) -> Inputs:
    """Pack the code of a graph's models and return all that it is compiled from. Raises ScriptError."""
    pipeline = graph.pipeline
    settings: list[Any] = [
        pipeline.config.model_dump(mode="json"),
        pipeline.network.model_dump(mode="json"),
        pipeline.s3_bucket,
        pipeline.project_name,
        [trigger.model_package_group for trigger in graph.triggers],
        [repr(node.packages) for node in graph.steps if node.packages],
    ]
    trees = []
    for model in graph.models:
        tree = code_tree(model, store)
        settings.append([model.name, model.config.model_dump(mode="json"), tree.origin])
        for section, _ in STAND_INS:
            stand_in_of(model, section, store)
        trees += [tree, whole_tree(model, store)]
    text = json.dumps(settings)
    return Inputs(text, tuple(trees), _key(text, trees))


def _key(settings: str, trees: Sequence[CodeTree]) -> str:
    """Hash the engine, the settings, the paths of each tree and which trees are equal."""
    hashes = [tree.sha256 for tree in trees]
    shapes = [
        [hashes.index(tree.sha256), *((file.path, file.is_template) for file in tree.files)]
        for tree in trees
    ]
    return hashlib.sha256(json.dumps([engine().content, settings, shapes]).encode()).hexdigest()
