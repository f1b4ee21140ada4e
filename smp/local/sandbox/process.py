"""Runs one job to its end: its log to a file, its lines to a listener, its time limit enforced."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO

from smp.local.sandbox.base import Job, Sandbox, Started

POLL_SECONDS = 0.2
MAX_LINE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Ended:
    """How a job ended. `timed_out` and `stopped` say who ended it, if not the job itself."""

    exit_code: int
    timed_out: bool = False
    stopped: bool = False


class Stop(Event):
    """Asks jobs to end; with `at_once`, without the grace. One with a parent follows that as well."""

    def __init__(self, parent: Event | None = None) -> None:
        super().__init__()
        self._parent = parent
        self._at_once = False

    def is_set(self) -> bool:
        """Whether this or the parent asks to end."""
        return super().is_set() or (self._parent is not None and self._parent.is_set())

    @property
    def at_once(self) -> bool:
        """Whether jobs are to end without the grace."""
        return self._at_once or (isinstance(self._parent, Stop) and self._parent.at_once)

    @at_once.setter
    def at_once(self, value: bool) -> None:
        self._at_once = value


def run_job(
    sandbox: Sandbox,
    job: Job,
    log: Path,
    *,
    max_seconds: float,
    grace_seconds: float,
    stop: Event,
    on_line: Callable[[str], None],
    tells: bool = True,
) -> Ended:
    """Run a job; SIGTERM at its limit or on a stop, SIGKILL after the grace.

    Where nothing `tells` the script of SIGTERM, it is killed at once: what the grace would bring in the
    service, without the time. The log gets the output byte by byte as it comes; `on_line` gets each line
    as text, with what is not UTF-8 replaced, and lines over 64 KiB in pieces.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    started = sandbox.start(job)
    deadline = time.monotonic() + max_seconds
    try:
        with log.open("ab", buffering=0) as file:
            return _watch(started, file, on_line, stop, deadline, grace_seconds if tells else None)
    finally:
        _kill(started)
        started.cleanup()


def _watch(
    started: Started,
    log: BinaryIO,
    on_line: Callable[[str], None],
    stop: Event,
    deadline: float,
    grace_seconds: float | None,
) -> Ended:
    lines = _LineReader(on_line)
    timed_out = stopped = False
    kill_at: float | None = None
    with _Output(started) as output:
        while True:
            chunk = output.read(POLL_SECONDS)
            if chunk:
                log.write(chunk)
                lines.feed(chunk)
            elif chunk is None or started.process.poll() is not None:
                rest = output.drain()
                log.write(rest)
                lines.feed(rest)
                break
            now = time.monotonic()
            if kill_at is None and (stop.is_set() or now >= deadline):
                stopped, timed_out = stop.is_set(), not stop.is_set()
                if grace_seconds is not None:
                    _terminate(started)
                kill_at = now + (grace_seconds or 0)
            elif kill_at is not None and (now >= kill_at or _at_once(stop)):
                _kill(started)
    lines.close()
    return Ended(started.process.wait(), timed_out, stopped)


class _Output:
    """The job's pipe, read without blocking for longer than asked."""

    def __init__(self, started: Started) -> None:
        self._pipe = started.process.output
        os.set_blocking(self._pipe.fileno(), False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        self._pipe.close()

    def read(self, seconds: float) -> bytes | None:
        """Return what is there, empty after the time without any, None at the end."""
        if not self._selector.select(seconds):
            return b""
        chunk = self._pipe.read(1 << 16)
        return None if chunk == b"" else chunk or b""

    def drain(self) -> bytes:
        """Return what is left, without waiting for processes that keep the pipe open."""
        return self._pipe.read() or b""


class _LineReader:
    """Cuts a stream of bytes into lines."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            self._send(line)
        if len(self._rest) > MAX_LINE_BYTES:
            self.close()

    def close(self) -> None:
        if self._rest:
            self._send(self._rest)
            self._rest = b""

    def _send(self, line: bytes) -> None:
        self._on_line(line.decode("utf-8", "replace").rstrip("\r"))


def _at_once(stop: Event) -> bool:
    return isinstance(stop, Stop) and stop.at_once


def _terminate(started: Started) -> None:
    for pid in started.payload():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)


def _kill(started: Started) -> None:
    started.process.kill()
    started.process.wait()
