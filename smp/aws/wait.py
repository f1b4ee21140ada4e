"""Waits for executions to end and tells a listener what happens meanwhile.

It never stops one: when time is up they go on.
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
    pending = dict(enumerate(executions))
    last: dict[int, Ended] = {}
    try:
        while True:
            for index, (pipeline, execution) in list(pending.items()):
                now = describe_execution(sagemaker, execution)
                steps = list_steps(sagemaker, execution)
                progress.seen(pipeline, now, steps)
                last[index] = (pipeline, now, steps)
                if now.has_ended:
                    del pending[index]
            left = None if deadline is None else deadline - time.monotonic()
            if not pending or (left is not None and left <= 0):
                return [last[index] for index in sorted(last)]
            time.sleep(interval if left is None else min(interval, max(left, 0.0)))
    finally:
        progress.finish()
