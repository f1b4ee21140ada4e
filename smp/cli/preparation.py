"""Gets ready to run one pipeline: recalls it, or loads and compiles it in a child process.

Meanwhile this process finds a sandbox and imports what a run needs.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import signal
import threading
from types import TracebackType

from smp.cli.workspace import WORK_DIRECTORY, load_workspace, pattern_of
from smp.compiler.cache.recall import CompileRequest, Prepared
from smp.compiler.cache.store import compiled_in
from smp.errors import SetupError, SmpError
from smp.local.sandbox.base import Sandbox
from smp.local.sandbox.choose import choosing


def prepare(arguments: argparse.Namespace) -> Prepared:
    """Load the workspace that the arguments name and compile the pipeline they name."""
    from smp.compiler.cache.compile_all import compile_all
    from smp.graph import build_graph

    asked = asked_for(arguments)
    recording = asked.record(os.environ)
    project = load_workspace(arguments, recording.environ if recording else os.environ)
    graph = build_graph(project, arguments.pipeline)
    compilation = compile_all([graph], asked.work, compiled_in(arguments.environment))
    (compiled,) = compilation.result()
    if recording is not None:
        asked.remember(recording, project, compilation.keys[graph.name])
    return Prepared(compiled, {name: model.directory for name, model in project.models.items()})


def asked_for(arguments: argparse.Namespace) -> CompileRequest:
    """Return what the arguments ask for."""
    return CompileRequest(
        workspace=arguments.workspace,
        pattern=pattern_of(arguments),
        environment=arguments.environment,
        pipeline=arguments.pipeline,
        work=(arguments.workspace / WORK_DIRECTORY).resolve(),
    )


def get_ready(arguments: argparse.Namespace) -> tuple[Prepared, Sandbox]:
    """Return the pipeline and the sandbox that the arguments name, with all imported that a run needs."""
    with choosing(arguments.sandbox) as chosen_sandbox:
        recalled = asked_for(arguments).recall(os.environ)
        if recalled is not None:
            _import_run()
            return recalled, chosen_sandbox()
        sandbox = chosen_sandbox()  # now, for a process that has threads must not be forked
        with Preparation(arguments) as preparation:
            _import_run()
            return preparation.result(), sandbox


def get_sandbox(arguments: argparse.Namespace) -> Sandbox:
    """Return the sandbox that the arguments name, with all imported that a run needs."""
    with choosing(arguments.sandbox) as chosen_sandbox:
        _import_run()
        return chosen_sandbox()


def _import_run() -> None:
    """Import what stays to the end: the collector of what does not would look at all of it."""
    gc.disable()
    import smp.definition.parameters
    import smp.local.engine.run
    import smp.local.show.progress  # noqa: F401

    gc.enable()


class Preparation:
    """`prepare` on its way. Within a `with`: the child does not outlive the block.

    If this process has threads, or cannot fork, the work is done when its result is requested.
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
        import pickle

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
    import pickle
    import traceback

    from smp.compiler.exit_with_parent import exit_when_parent_dies

    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        gc.disable()
        exit_when_parent_dies(write_end)
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
