"""Finds what a killed process leaves behind: on Linux its orphans become this process's children."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE_SECONDS = 15


@contextmanager
def orphans() -> Iterator[Callable[[], list[str]]]:
    """Adopt orphans in the block; the value waits for them to end and returns what does not."""
    before = set(_children())
    _adopt(True)
    try:
        yield lambda: _wait_for_none(before)
    finally:
        _adopt(False)


def _adopt(wanted: bool) -> None:
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) == 0


def _wait_for_none(before: set[int]) -> list[str]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := [pid for pid in _children() if pid not in before]:
        for pid in left:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    return [_described(pid) for pid in left]


def _children() -> list[int]:
    files = Path("/proc/self/task").glob("*/children")
    return [int(pid) for file in files for pid in file.read_text().split()]


def _described(pid: int) -> str:
    with contextlib.suppress(OSError):
        place = Path(f"/proc/{pid}")
        return f"{pid} {(place / 'cmdline').read_bytes()!r} {(place / 'wchan').read_text()}"
    return str(pid)
