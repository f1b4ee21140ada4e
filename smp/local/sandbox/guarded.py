"""Starts commands under the watchdog: the end of this process, however it comes, ends all of them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from smp.local.sandbox.base import Started

WATCHDOG = Path(__file__).with_name("watchdog.py")
INFO_FD = 100
"""The descriptor that a command finds its `info` at, see `start_guarded`."""
KILLED = 128 + 9
DRIVERS, LAUNCHER = b"/sm_drivers/", b"/sm_drivers/smp_launcher.py"
"""In the command line of the shell that runs the SDK's start script, and of what takes its place."""


def start_guarded(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    directory: Path | None = None,
    after: Sequence[str] | None = None,
    info: int | None = None,
    cleanup: Callable[[], None] = lambda: None,
) -> Started:
    """Start a command with both its streams on one pipe; raises OSError where it cannot be started.

    It starts in `directory`, else in the current one. `after` is a command that runs once the first has
    ended, even when this process is gone by then. `info` is a descriptor that the command gets as INFO_FD.
    """
    spec = {
        "command": list(command),
        "environment": dict(environment),
        "directory": str(directory or Path.cwd()),
        "tells": info is not None,
        "after": list(after) if after else None,
    }
    guarded = _Guarded(spec, info)

    def finish() -> None:
        guarded.close()
        cleanup()

    return Started(
        guarded,
        payload=lambda: (
            told_of_stop([guarded.payload]) if guarded.payload and guarded.poll() is None else []
        ),
        cleanup=finish,
    )


def start_watchdog() -> None:
    """Start the process that starts commands, for one that will: by then it is ready."""
    _Watchdog.of_this_process()


def start_with_info(command: Sequence[str], environment: Mapping[str, str]) -> Started:
    """Start a command that makes a sandbox and tells INFO_FD, as JSON, the `child-pid` in it."""
    read_end, write_end = os.pipe()
    with os.fdopen(read_end) as info:
        try:
            started = start_guarded(command, environment, info=write_end)
        finally:
            os.close(write_end)
        text = info.read()
    init = int(json.loads(text)["child-pid"]) if text.strip() else 0
    return Started(started.process, lambda: told_of_stop(_children_of(init)), started.cleanup)


def told_of_stop(pids: Sequence[int]) -> list[int]:
    """Return which of a container's first processes get SIGTERM, as process 1 gets it in the service.

    The SDK's start script is a shell: as process 1 it would not end, nor pass the signal on. It hears
    nothing. This project's launcher, which takes its place, passes the signal on.
    """
    return [pid for pid in pids if not _is_deaf(pid)]


def _is_deaf(pid: int) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return DRIVERS in command and LAUNCHER not in command


def _children_of(pid: int) -> list[int]:
    """Return the direct children of a process; empty once it has ended."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class _Guarded:
    """A command under the watchdog, see `smp.local.sandbox.base.Process`."""

    def __init__(self, spec: Mapping[str, Any], info: int | None) -> None:
        output_read, output_write = os.pipe()
        status_read, status_write = os.pipe()
        lifeline_read, lifeline_write = os.pipe()
        self.output: BinaryIO = os.fdopen(output_read, "rb")
        self._status = os.fdopen(status_read, "rb")
        self._lifeline = os.fdopen(lifeline_write, "wb")
        self._code: int | None = None
        passed: tuple[int, ...] = (output_write, status_write, lifeline_read)
        try:
            _Watchdog.of_this_process().ask(spec, (*passed, status_write if info is None else info))
            for descriptor in passed:
                os.close(descriptor)
            passed = ()
            self.payload = self._read_start()
        except BaseException:
            for descriptor in passed:
                os.close(descriptor)
            self.close()
            raise

    def _read_start(self) -> int | None:
        said = json.loads(self._status.readline() or "{}")
        if "error" in said:
            raise OSError(*said["error"])
        if "pid" not in said:
            raise OSError("the process that watches over jobs was killed")
        pid: int | None = said["pid"]
        return pid

    def poll(self) -> int | None:
        """Return the exit code; None while the command runs."""
        if self._code is None and not select.select([self._status], [], [], 0)[0]:
            return None
        return self.wait()

    def wait(self) -> int:
        """Wait for the end and return the exit code, as a shell gives it."""
        if self._code is None:
            self._code = int(json.loads(self._status.readline() or "{}").get("code", KILLED))
        return self._code

    def kill(self) -> None:
        """End the command and all that it started."""
        self._lifeline.close()

    def close(self) -> None:
        """Let go of the pipes; what still runs ends."""
        for pipe in (self._lifeline, self._status, self.output):
            pipe.close()


class _Watchdog:
    """The process that starts this process's commands, itself started with the first of them."""

    _one: _Watchdog | None = None
    _making = threading.Lock()

    @classmethod
    def of_this_process(cls) -> _Watchdog:
        """Return the one that runs; a new one where there is none, or only that of a parent."""
        with cls._making:
            if cls._one is None or not cls._one.is_mine():
                cls._one = cls()
            return cls._one

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._asking = threading.Lock()
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(WATCHDOG), str(theirs.fileno())],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._pid, self._socket, self._process)

    def is_mine(self) -> bool:
        return self._pid == os.getpid() and self._process.poll() is None

    def ask(self, spec: Mapping[str, Any], descriptors: Sequence[int]) -> None:
        """Send a request, see the watchdog's own description; raises OSError."""
        text = json.dumps(spec).encode()
        with self._asking:
            socket.send_fds(self._socket, [len(text).to_bytes(8, "big")], descriptors)
            self._socket.sendall(text)


def _end(pid: int, control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """Let a watchdog that is no longer used end, with all that it watches."""
    control.close()
    if pid == os.getpid():
        with contextlib.suppress(OSError):
            process.wait()
