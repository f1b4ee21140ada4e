"""Says how a run goes while it goes: lines for a log, or a view on a terminal (`smp.local.show.live`).

It hears from several threads at once and never slows a job down: a log line costs an assignment. A run
continues where nobody reads what is said of it.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import FOR_EACH
from smp.local.show.commands import recovery_commands, resume_command, run_command, shown_state
from smp.local.show.results import outcome_summary
from smp.local.store.places import Places
from smp.local.store.run_store import (
    EXECUTING,
    FAILED,
    FINISHED,
    STOPPED,
    Run,
    RunRecord,
    StepRecord,
)
from smp.text.human import clean_line, counted, duration, printable

TAIL_LINES = 15
TAIL_BYTES = 16 * 1024


class Progress:
    """One line per change of a step's state; at the end what failed and what to do about it."""

    def __init__(
        self, stream: TextIO, places: Places, pipeline: str, names: tuple[str, ...]
    ) -> None:
        self._stream = stream
        self._places = places
        self._title = pipeline
        self._names = names
        self._lock = threading.Lock()
        self._started = time.monotonic()
        self._said: dict[str, tuple[str, int]] = {}
        self._steps: dict[str, StepRecord] = {}

    def run_started(self, run: RunRecord, done: Mapping[str, StepRecord]) -> None:
        """Say which run begins, and which of its steps had ended before."""
        with self._lock:
            self._steps.update({name: done[name] for name in run.steps if name in done})
            before = f", {counted(len(self._steps), 'step')} done before" if self._steps else ""
            self._say(f"{run.pipeline}: run {run.id}, {counted(len(run.steps), 'step')}{before}")

    def step_changed(self, record: StepRecord) -> None:
        """Hear of a step's new state."""
        with self._lock:
            self._steps[record.name] = record
            state = (shown_state(record), record.attempts if record.attempts > 1 else 0)
            if self._said.get(record.name) != state:
                self._said[record.name] = state
                self._say(_change(record))

    def log_line(self, step: str, line: str) -> None:
        """Hear of a line of a step's log."""

    def note(self, text: str) -> None:
        """Say what is not a step's state, such as that an environment is being made."""
        with self._lock:
            self._say(text)

    def run_finished(self, record: RunRecord) -> None:
        """Say how the run ended."""
        with self._lock:
            self._finish(record)

    def _finish(self, record: RunRecord) -> None:
        run = Run(self._places.runs / record.id)
        self._write(summary(run, record))

    def _say(self, text: str) -> None:
        elapsed = duration(time.monotonic() - self._started)
        self._write([f"[{elapsed:>10}] {text}"])

    def _write(self, lines: Iterable[str]) -> None:
        encoding = getattr(self._stream, "encoding", None)
        text = "".join(f"{printable(line, encoding)}\n" for line in lines)
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


class LiveProgress(Progress):
    """A line per step, redrawn in place; the end is said as by `Progress`."""

    def __init__(
        self,
        stream: TextIO,
        places: Places,
        pipeline: str,
        names: tuple[str, ...],
        *,
        colour: bool,
    ) -> None:
        super().__init__(stream, places, pipeline, names)
        from smp.local.show.live import LiveView

        self._view = LiveView(stream, colour=colour)
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._run = ""

    def run_started(self, run: RunRecord, done: Mapping[str, StepRecord]) -> None:
        with self._lock:
            self._names = run.steps
            self._run = run.id
            self._title = f"{run.pipeline}  {run.id}"
            self._steps.update({name: done[name] for name in run.steps if name in done})
        self._draw_from_now_on()

    def step_changed(self, record: StepRecord) -> None:
        with self._lock:
            self._steps[record.name] = record
            if record.type == FOR_EACH.name and record.status == EXECUTING:
                self._names = Run(self._places.runs / self._run).record().steps
            if record.status in FINISHED:
                self._view.lines.pop(record.name, None)
        self._draw_from_now_on()

    def log_line(self, step: str, line: str) -> None:
        if line and not line.isspace():
            self._view.lines[step] = line

    def note(self, text: str) -> None:
        with self._lock:
            self._view.write_above(text)

    def _draw_from_now_on(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._keep_drawing, daemon=True)
                self._thread.start()

    def _keep_drawing(self) -> None:
        while not self._done.is_set():
            with self._lock:
                if not self._done.is_set():
                    self._view.draw(self._title, self._names, self._steps)
            self._done.wait(self._view.interval)

    def run_finished(self, record: RunRecord) -> None:
        with self._lock:
            self._done.set()
            self._view.draw(self._title, self._names, self._steps)
            self._finish(record)
        if self._thread is not None:
            self._thread.join()


def progress_for(
    stream: TextIO | None,
    places: Places,
    compiled: CompiledPipeline,
    environ: Mapping[str, str] = os.environ,
) -> Progress:
    """Return the live view for a terminal that can show it, plain lines otherwise.

    NO_COLOR leaves the live view without colour. A process that was started without the stream has None.
    """
    stream = stream or io.StringIO()
    names = compiled.order()
    if not stream.isatty() or environ.get("TERM", "dumb") == "dumb":
        return Progress(stream, places, compiled.name, names)
    return LiveProgress(stream, places, compiled.name, names, colour=not environ.get("NO_COLOR"))


def summary(run: Run, record: RunRecord) -> Iterator[str]:
    """Yield the lines that end a run: how it went, and for each failure what a person needs next."""
    steps = list(run.steps())
    for step in steps:
        if step.status == FAILED:
            yield from _failure(run, record, step)
    yield from (f"warning: {step.name}: {text}" for step, text in run.warnings())
    took = duration((record.ended or time.time()) - record.started)
    states = [shown_state(step) for step in steps]
    counts = ", ".join(f"{states.count(s)} {s.lower()}" for s in dict.fromkeys(states))
    yield f"{record.pipeline}: {record.status} in {took} ({counts or 'no step began'})"
    if record.reason:
        yield f"  {record.reason}"
    if record.status == STOPPED:
        yield f"  resume with: {resume_command(record)}"
    yield f"  see more:   {run_command(record, 'show')}"
    yield f"  as a page:  {run_command(record, 'report')}"


def _failure(run: Run, record: RunRecord, step: StepRecord) -> Iterator[str]:
    yield ""
    first, *more = (step.reason or "no reason is recorded").splitlines()
    yield f"{step.name} failed: {first}"
    yield from (f"  {line}" for line in more)
    log = run.log_path(step.name)
    tail = read_tail(log, TAIL_LINES, TAIL_BYTES)
    if tail.lines:
        yield f"  the {'log' if tail.is_whole else 'last lines of its log'}:"
        yield from (f"  | {line}" for line in tail.lines)
        yield f"  the whole log:         {_short(log)}"
    for what, command in recovery_commands(record, step):
        yield f"  {f'{what}:':<22} {command}"
    yield ""


def _change(record: StepRecord) -> str:
    state = shown_state(record)
    parts = [f"{record.name}: {state.lower()}"]
    if record.reused_from:
        parts.append(f" from run {record.reused_from}")
    elif record.status in FINISHED and record.status != "Skipped":
        parts.append(f" after {duration(record.seconds)}")
    elif record.attempts > 1:
        parts.append(f", attempt {record.attempts}")
    if outcome_summary(record):
        parts.append(f", {outcome_summary(record)}")
    if record.stand_in:
        parts.append(f" (stand-in {record.stand_in})")
    if record.reason:
        parts.append(f": {record.reason.splitlines()[0]}")
    return "".join(parts)


def _short(path: Path) -> str:
    """Write a path relative to the current directory where it is below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


@dataclass(frozen=True)
class LogTail:
    """The last lines of a log; `size` is the whole file's, and `is_whole` says that nothing is cut."""

    lines: tuple[str, ...] = ()
    size: int = 0
    is_whole: bool = True


def read_tail(log: Path, max_lines: int, max_bytes: int) -> LogTail:
    """Read at most so many lines and bytes from the end; a log that is not there is empty."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            start = max(size - max_bytes, 0)
            file.seek(start)
            text = file.read(max_bytes).decode("utf-8", "replace")
    except FileNotFoundError:
        return LogTail()
    lines = text.removesuffix("\n").split("\n") if text else []
    if start and len(lines) > 1:
        lines = lines[1:]
    kept = lines[-max_lines:]
    return LogTail(tuple(map(clean_line, kept)), size, start == 0 and len(kept) == len(lines))
