"""The process that imports the SDK and compiles: a request on standard input, the outcome on output.

It never reads a configuration, and nothing it prints by accident reaches its answer.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import smp
from smp.compiler.cache.exchange import Answer, Contents, Outcome, Request
from smp.compiler.cache.reads import files_that_count, note_reads
from smp.compiler.compile import compile_into
from smp.compiler.exit_with_parent import exit_when_parent_dies
from smp.compiler.sdk.light_imports import leave_out_unused
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.errors import SmpError
from smp.graph.nodes import PipelineGraph


def main() -> None:
    """Answer a request."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    leave_out_unused()
    gc.disable()  # a short life, most of it spent on making classes that stay
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    exit_when_parent_dies(answer.fileno())
    noted = note_reads()
    import smp.compiler.render  # noqa: F401  with it the SDK, while the request is being written

    try:
        request: Request = pickle.load(sys.stdin.buffer)
    except EOFError:
        return  # nothing has to be compiled
    store = CodeStore(request.code_store, request.packed)
    of_pipeline = note_reads()
    outcomes = tuple(
        compile_one(graph, store.for_pipeline(), of_pipeline) for graph in request.graphs
    )
    with answer:
        pickle.dump(Answer(outcomes, tuple(_files(noted, store.root))), answer)


def compile_one(graph: PipelineGraph, store: CodeStore, noted: set[str]) -> Outcome | SmpError:
    """Compile a pipeline; `noted` is a set that `note_reads` fills."""
    noted.clear()
    try:
        compiled = compile_into(graph, store)
    except SmpError as error:
        return error
    return Outcome(compiled.to_json(), contents_read(compiled, store, noted))


def contents_read(
    compiled: CompiledPipeline, store: CodeStore, noted: Iterable[str]
) -> Contents | None:
    """Return the files of packed directories whose content was read; None if addresses are hidden.

    The hash of a directory's tree is hidden if a generated file has it in its content, or if a tree
    of generated files is equal to it.
    """
    packed = {tree.sha256: tree for tree in store.packed.values()}
    if not store.generated.isdisjoint(packed):
        return None
    for tree in compiled.local_code():
        if tree.sha256 not in packed and _mentions(store, tree.sha256, packed):
            return None
    root = Path(os.path.abspath(store.root))  # noqa: PTH100  a link is not followed
    read = set()
    for path in map(Path, noted):
        if path.is_relative_to(root) and len(path.relative_to(root).parts) > 1:
            sha256, *rest = path.relative_to(root).parts
            read.add((sha256, "/".join(rest)))
    return tuple(
        (tree.sha256, file.path, file.sha256)
        for _, tree in sorted(packed.items())
        for file in tree.files
        if (tree.sha256, file.path) in read
    )


def _mentions(store: CodeStore, generated: str, names: Iterable[str]) -> bool:
    """Whether a file of a generated tree has one of the names in it."""
    files = (path for path in (store.root / generated).rglob("*") if path.is_file())
    texts = [path.read_bytes() for path in files]
    return any(name.encode() in text for name in names for text in texts)


def _files(noted: Iterable[str], code_store: Path) -> Iterator[str]:
    """Yield all that was read but the code store and this package, and where packages are looked up.

    The package's own sources count by content, see `smp.compiler.cache.fingerprint.engine_files`.
    """
    package = Path(smp.__file__).parent
    apart = (package, Path(os.path.abspath(code_store)))  # noqa: PTH100
    for path in (*files_that_count(noted), *filter(None, sys.path)):
        if Path(path) != package.parent and not any(map(Path(path).is_relative_to, apart)):
            yield path


if __name__ == "__main__":
    main()
