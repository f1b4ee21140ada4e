"""Loads and compiles one pipeline in a child process, while this process gets ready to run it.

Both take about as long, and neither needs the other. It never runs a step.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from smp.answer_pipe import end_with_reader
from smp.cli.workspace import WORK_DIRECTORY, load_workspace
from smp.errors import SetupError, SmpError

if TYPE_CHECKING:
    from smp.compiler.compiled import CompiledPipeline


@dataclass(frozen=True)
class Prepared:
    """A compiled pipeline, and the directory of each configured model that its steps belong to."""

    compiled: CompiledPipeline
    model_directories: Mapping[str, Path]


def prepare(arguments: argparse.Namespace) -> Prepared:
    """Load the workspace that the arguments name and compile the pipeline they name."""
    from smp.compiler.cache import compile_all, compiled_in
    from smp.graph import build_graph

    project = load_workspace(arguments)
    graph = build_graph(project, arguments.pipeline)
    work = (arguments.workspace / WORK_DIRECTORY).resolve()
    kept_in = compiled_in(arguments.environment)
    (compiled,) = compile_all([graph], work, kept_in).result()
    return Prepared(compiled, {name: model.directory for name, model in project.models.items()})


class Preparation:
    """`prepare` on its way. Within a `with`: the child does not outlive the block.

    Where this process has threads, or cannot fork, the work is done when its result is asked for.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._child: int | None = None
        self._answer = -1

    def __enter__(self) -> Preparation:
        if hasattr(os, "fork") and threading.active_count() == 1:
            self._answer, write_end = os.pipe()
            self._child = os.fork()
            if self._child == 0:
                os.close(self._answer)
                _be_child(self._arguments, write_end)
            os.close(write_end)
        return self

    def result(self) -> Prepared:
        """Wait for the result; raises what `prepare` raised."""
        if self._child is None:
            return prepare(self._arguments)
        with os.fdopen(self._answer, "rb", closefd=False) as answer:
            data = answer.read()
        if not data:
            raise SetupError("the process that loads the pipeline ended without an answer")
        outcome = pickle.loads(data)
        if isinstance(outcome, BaseException):
            raise outcome
        assert isinstance(outcome, Prepared)
        return outcome

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            os.close(self._answer)
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGTERM)
            os.waitpid(self._child, 0)


def _be_child(arguments: argparse.Namespace, write_end: int) -> None:
    """Write the result, or the error, and end without anything that this process has to do at its end."""
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        gc.disable()
        end_with_reader(write_end)
        try:
            outcome: object = prepare(arguments)
        except Exception as error:
            if not isinstance(error, (SmpError, OSError)):
                error.add_note("".join(traceback.format_exception(error)))
            outcome = error
        with os.fdopen(write_end, "wb") as answer:
            pickle.dump(outcome, answer)
        status = 0
    finally:
        os._exit(status)
