"""A server of the emulator as a process of its own: on a free port of loopback, ready when it is given.

It never decides what the server answers: the module that it runs does.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60


@contextmanager
def running_server(module: str, home: Path, log_file: Path, account: str) -> Iterator[int]:
    """Run `python -m MODULE PORT` for an emulated account, give the port, and end it with the block."""
    port = _free_port()
    with log_file.open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", module, str(port)],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "MOTO_ACCOUNT_ID": account},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_it_answers(port, server, log_file)
            yield port
        finally:
            server.terminate()
            server.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_it_answers(port: int, server: subprocess.Popen[bytes], log_file: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, log_file.read_text("utf-8", "replace")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("the emulator did not start")
