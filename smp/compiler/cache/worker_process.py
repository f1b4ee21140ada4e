"""The process that compiles, seen from the one that asks: started, asked once, or not needed after all.

It may be started before it is known what to ask: it imports the SDK, which takes longer than all else,
while configurations are read. Imports the standard library alone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from smp.compiler.cache.fingerprint import (
    PACKAGE,
    Engine,
    engine_files,
    file_system_time,
    signature,
)
from smp.errors import SetupError

if TYPE_CHECKING:
    from smp.compiler.cache.exchange import Answer, Request

COMMAND = (sys.executable, "-P", "-m", "smp.compiler.worker")


class WorkerProcess:
    """A running process. `started` is a time before its start, as the file system of `work` tells it."""

    def __init__(self, work: Path) -> None:
        engine()  # what the process runs is not newer than what results are kept under
        self.started = file_system_time(work)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SMP_"))}
        environment["PYTHONPATH"] = str(PACKAGE.parent)
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )

    def ask(self, request: Request) -> None:
        """Send what to compile."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as stdin:
            pickle.dump(request, stdin)

    def answer(self) -> Answer:
        """Wait for the answer. Raises SetupError if there is none."""
        assert self._process.stdout is not None
        with self._process:
            text = self._process.stdout.read()
        if self._process.returncode != 0 or not text:
            raise SetupError(
                "the process that runs the SageMaker SDK ended without an answer: see its output above"
            )
        answer: Answer = pickle.loads(text)
        return answer

    def dismiss(self) -> None:
        """End the process: nothing has to be compiled."""
        self._process.kill()
        with self._process:
            pass


def start_if_likely(work: Path, configs: Iterable[Path], kept_in: Path) -> WorkerProcess | None:
    """Start the process if a configuration or the engine is newer than all that was compiled.

    It is a guess that costs or saves time and decides nothing: times of files would be no proof.
    """
    compiled = [signature(str(path))[1] for path in kept_in.glob("*.json")]
    sources = [signature(str(path))[1] for path in (*configs, *engine_files())]
    if compiled and max(sources, default=0) < max(compiled):
        return None
    try:
        return WorkerProcess(work)
    except OSError:
        return None  # where nothing can be written the compilation reports it


@lru_cache(maxsize=1)
def engine() -> Engine:
    """Return the sources that compile as they were when this process asked first."""
    return Engine.now()
