"""Waits for executions to end and reports their progress to a listener.

Executions continue when the time is up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from smp.aws.executions import (
    DeployedPipeline,
    Execution,
    Step,
    describe_execution,
    list_steps,
)
from smp.aws.progress import Progress
from smp.aws.service_errors import is_transient
from smp.errors import SmpError

MAX_FAILED_LOOKS = 8
"""In a row, each after the client's own repeated calls: a wait of hours outlives a short outage."""

Ended = tuple[DeployedPipeline, Execution, tuple[Step, ...]]


def wait_for(
    sagemaker: Any,
    executions: Iterable[tuple[DeployedPipeline, Execution]],
    progress: Progress,
    *,
    interval: float,
    timeout: float | None = None,
) -> list[Ended]:
    """Return each execution as it was last seen: ended, or still running when time was up.

    `interval` and `timeout` are seconds. Raises SetupError and RunError.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    watch = _Watch(sagemaker, executions, progress)
    try:
        while True:
            watch.look()
            left = None if deadline is None else deadline - time.monotonic()
            if not watch.pending or (left is not None and left <= 0):
                return [watch.last[index] for index in sorted(watch.last)]
            time.sleep(interval if left is None else min(interval, left))
    finally:
        progress.finish()


class _Watch:
    def __init__(
        self,
        sagemaker: Any,
        executions: Iterable[tuple[DeployedPipeline, Execution]],
        progress: Progress,
    ) -> None:
        self._sagemaker = sagemaker
        self._progress = progress
        self.pending = dict(enumerate(executions))
        self.last: dict[int, Ended] = {
            index: (pipeline, execution, ())
            for index, (pipeline, execution) in self.pending.items()
        }
        self._failed = 0

    def look(self) -> None:
        """Look once at each execution that has not ended; if AWS does not answer, try again next time."""
        try:
            for index, (pipeline, execution) in list(self.pending.items()):
                now = describe_execution(self._sagemaker, execution)
                steps = list_steps(self._sagemaker, execution)
                self._progress.seen(pipeline, now, steps)
                self.last[index] = (pipeline, now, steps)
                if now.has_ended:
                    del self.pending[index]
        except SmpError as error:
            self._failed += 1
            if not is_transient(error) or self._failed >= MAX_FAILED_LOOKS:
                raise
            self._progress.note(f"{error.problems[0].reason}; trying again")
        else:
            self._failed = 0
