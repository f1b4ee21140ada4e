"""Starts a command under the watchdog, for sandboxes that the kernel does not clean up after.

It never decides what the command may see.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from smp.local.sandbox.base import Started, read_info

WATCHDOG = Path(__file__).with_name("watchdog.py")


def start_guarded(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    directory: Path | None = None,
    after: Sequence[str] | None = None,
    cleanup: Callable[[], None] = lambda: None,
) -> Started:
    """Start a command; the end of this process, however it comes, ends everything below it.

    `after` is a command that runs once the first has ended, even when this process is gone by then.
    """
    info_read, info_write = os.pipe()
    lifeline_read, lifeline_write = os.pipe()
    spec = {
        "command": list(command),
        "directory": str(directory) if directory else None,
        "info_fd": info_write,
        "lifeline_fd": lifeline_read,
        "after": list(after) if after else None,
    }
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(WATCHDOG), json.dumps(spec)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            pass_fds=(info_write, lifeline_read),
            start_new_session=True,
        )
    except BaseException:
        os.close(info_read)
        os.close(lifeline_write)
        raise
    finally:
        os.close(info_write)
        os.close(lifeline_read)
    payload = read_info(info_read)
    lifeline = os.fdopen(lifeline_write, "wb")

    def finish() -> None:
        lifeline.close()
        cleanup()

    return Started(
        process,
        payload=lambda: [payload] if payload and process.poll() is None else [],
        cleanup=finish,
        kill=lifeline.close,
    )
