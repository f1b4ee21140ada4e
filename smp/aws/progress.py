"""Shows the progress of executions: a line a change for a log, a view in place on a terminal."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TextIO

from smp.aws.executions import (
    COMPLETED_WITH_FAILURES,
    ENDED,
    EXECUTING,
    FAILED,
    STOPPED,
    STOPPING,
    SUCCEEDED,
    DeployedPipeline,
    Execution,
    Step,
)
from smp.text.human import counted, duration, printable

MARKS: Mapping[str, tuple[str, str]] = {
    SUCCEEDED: ("+", "32"),
    FAILED: ("x", "31"),
    COMPLETED_WITH_FAILURES: ("x", "31"),
    STOPPED: ("!", "33"),
    STOPPING: ("!", "33"),
    EXECUTING: (">", "34"),
}
"""By state: the mark and the colour's code."""


class Progress:
    """One line for each change of a step's or an execution's state."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._began = time.monotonic()
        self._noted: dict[tuple[str, str], object] = {}

    def seen(self, pipeline: DeployedPipeline, execution: Execution, steps: Sequence[Step]) -> None:
        """Hear how an execution is now."""
        for step in steps:
            self._say_once(execution, step.name, (step.status, step.attempts), change(step))
        ended = sum(1 for step in steps if step.status in ENDED)
        of = f"{ended} of {counted(pipeline.step_count, 'step')} ended"
        self._say_once(execution, "", execution.status, f"{execution.status.lower()}, {of}")

    def note(self, text: str) -> None:
        """Print a note about the waiting."""
        elapsed = duration(time.monotonic() - self._began)
        self._write(f"[{elapsed:>10}] {text}")

    def finish(self) -> None:
        """Hear that nothing more comes."""

    def _say_once(self, execution: Execution, name: str, state: object, text: str) -> None:
        if self._noted.get((execution.arn, name)) != state:
            self._noted[execution.arn, name] = state
            self.note(f"{execution.pipeline}: {text}")

    def _write(self, line: str) -> None:
        self._stream.write(printable(line, getattr(self._stream, "encoding", None)) + "\n")
        self._stream.flush()


class LiveProgress(Progress):
    """All executions with their steps, redrawn in place."""

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        super().__init__(stream)
        self._colour = colour
        self._shown: dict[str, tuple[DeployedPipeline, Execution, Sequence[Step]]] = {}
        self._rows = 0

    def seen(self, pipeline: DeployedPipeline, execution: Execution, steps: Sequence[Step]) -> None:
        self._shown[execution.arn] = (pipeline, execution, steps)
        self._draw()

    def note(self, text: str) -> None:
        """Write above the next frame, which then begins below."""
        self._rows = 0
        super().note(text)

    def finish(self) -> None:
        self._rows = 0

    def _draw(self) -> None:
        width, height = self._size()
        lines = [line for shown in self._shown.values() for line in self._block(*shown)]
        hidden = len(lines) - (height - 1)
        if hidden > 0:
            lines = [*lines[: height - 2], ("", "", f"  and {counted(hidden + 1, 'line')} more")]
        up = f"\x1b[{self._rows}A\r" if self._rows else "\r"
        drawn = "".join(f"{self._painted(line, width)}\x1b[K\n" for line in lines)
        self._stream.write(f"{up}{drawn}\x1b[J")
        self._stream.flush()
        self._rows = len(lines)

    def _block(
        self, pipeline: DeployedPipeline, execution: Execution, steps: Sequence[Step]
    ) -> list[tuple[str, str, str]]:
        ended = sum(1 for step in steps if step.status in ENDED)
        took = duration(time.monotonic() - self._began)
        of = f"{ended} of {counted(pipeline.step_count, 'step')}"
        head = f"{pipeline.name}  {execution.id}  {execution.status}  {of}  {took}"
        width = max((len(step.name) for step in steps), default=0)
        return [("", "1", head), *(self._step(step, width) for step in steps)]

    def _step(self, step: Step, width: int) -> tuple[str, str, str]:
        mark, colour = MARKS.get(step.status, (".", "2"))
        took = duration(step.seconds(datetime.now(UTC)))
        note = f"  from execution {step.reused_from}" if step.reused_from else ""
        return f" {mark}", colour, f" {step.name:<{width}}  {step.status:<10}  {took:>10}{note}"

    def _painted(self, line: tuple[str, str, str], width: int) -> str:
        mark, colour, text = line
        encoding = getattr(self._stream, "encoding", None)
        shown = printable(text, encoding)[: max(width - 1 - len(mark), 0)]
        if not self._colour or not colour:
            return f"{mark}{shown}"
        if mark:
            return f"\x1b[{colour}m{mark}\x1b[0m{shown}"
        return f"\x1b[{colour}m{shown}\x1b[0m"

    def _size(self) -> tuple[int, int]:
        try:
            width, height = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            width, height = 80, 24
        return max(width or 80, 20), max(height or 24, 4)


def progress_for(stream: TextIO, environ: Mapping[str, str] = os.environ) -> Progress:
    """Return the view for a terminal that can show it, lines otherwise; NO_COLOR takes the colour."""
    if not stream.isatty() or environ.get("TERM", "dumb") == "dumb":
        return Progress(stream)
    return LiveProgress(stream, colour=not environ.get("NO_COLOR"))


def change(step: Step) -> str:
    """Return a step's state in one line."""
    parts = [f"{step.name}: {step.status.lower()}"]
    if step.reused_from:
        parts.append(f", result of execution {step.reused_from}")
    elif step.status in ENDED and step.seconds() is not None:
        parts.append(f" after {duration(step.seconds())}")
    elif step.attempts > 1:
        parts.append(f", attempt {step.attempts}")
    if step.status == FAILED and step.reason:
        parts.append(f": {step.reason}")
    return "".join(parts)
