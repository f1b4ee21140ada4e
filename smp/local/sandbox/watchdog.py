"""Runs a command and lets nothing of it outlive whoever started this; a script by itself.

Started as `python -I -S watchdog.py SPEC` with SPEC a JSON object: `command`, `directory` (to start in, or
null), `info_fd`, `lifeline_fd` (its end, by the starter's death or wish, ends everything), `after` (a
command to run last, or null). It never reads or writes the command's files.
"""

# No pathlib here: it starts slowly.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import NoReturn

PR_SET_CHILD_SUBREAPER = 36
POLL_SECONDS = 0.5
KILL_ROUNDS = 200
ADOPTS = sys.platform == "linux"
Birth = tuple[int, str]
"""A process id and when it began, so that a reused id is not taken for the same process."""


def main() -> NoReturn:
    spec = json.loads(sys.argv[1])
    adopt_orphans()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    payload = subprocess.Popen(spec["command"], cwd=spec["directory"], start_new_session=True)
    with os.fdopen(spec["info_fd"], "w") as info:
        json.dump({"child-pid": payload.pid}, info)
    seen: set[Birth] = set()
    while payload.poll() is None:
        ready, _, _ = select.select([spec["lifeline_fd"], wake_read], [], [], POLL_SECONDS)
        if not ADOPTS:
            seen.update(descendants())
        if spec["lifeline_fd"] in ready:
            break
        if wake_read in ready:
            os.read(wake_read, 512)
    kill_all(payload.pid, seen)
    code = payload.wait()
    if spec["after"]:
        quiet = subprocess.DEVNULL
        subprocess.run(spec["after"], stdin=quiet, stdout=quiet, stderr=quiet, check=False)
    os._exit(code if code >= 0 else 128 - code)


def adopt_orphans() -> None:
    """On Linux, become the parent of descendants whose own parent ends."""
    if ADOPTS:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_all(payload: int, seen: set[Birth]) -> None:
    """Kill the command and all below it, until none is left or appears."""
    for _ in range(KILL_ROUNDS):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(payload, signal.SIGKILL)
        alive = descendants() | seen.intersection(processes())
        for pid, _ in alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not alive:
            return
        time.sleep(0.01)


def descendants() -> set[Birth]:
    """Return all live processes below this one."""
    children: dict[int, list[Birth]] = {}
    for process, parent in processes().items():
        children.setdefault(parent, []).append(process)
    found: set[Birth] = set()
    waiting = [os.getpid()]
    while waiting:
        below = set(children.get(waiting.pop(), [])) - found
        found |= below
        waiting += [pid for pid, _ in below]
    return found


def processes() -> dict[Birth, int]:
    """Return the parent of every live process, from /proc or else from `ps`."""
    if not ADOPTS:
        return _from_ps()
    found = {}
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            pid = int(name)
            with open(f"/proc/{pid}/stat", "rb") as file:
                state, parent, *rest = file.read().rpartition(b")")[2].split()
            if state != b"Z":
                found[pid, rest[17].decode()] = int(parent)
    return found


def _from_ps() -> dict[Birth, int]:
    command = ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "lstart="]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = (line.split(maxsplit=3) for line in done.stdout.splitlines())
    return {(int(row[0]), row[3]): int(row[1]) for row in rows if not row[2].startswith("Z")}


if __name__ == "__main__":
    main()
