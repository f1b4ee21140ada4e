"""Runs a transform job: starts the inference server, waits for its model, sends the data, stops it.

Run as `python -m smp_serving DIRECTORY` with the directory of the plan.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .failure import FAILURE, ending, exit_code, leave

if TYPE_CHECKING:
    from .plan import Plan

PORT = 8080
START_SECONDS = 600.0
FIRST_PING_SECONDS, LONGEST_PING_SECONDS = 0.05, 2.0
DEFAULT_PAYLOAD_MB = 6

_STRATEGIES = {"SINGLE_RECORD": "SingleRecord", "MULTI_RECORD": "MultiRecord"}


def main() -> int:
    """Run the job; what went wrong is in the failure file."""
    listening = _listen()
    server = _Server(listening)
    signal.signal(signal.SIGTERM, lambda *_: _stop(server))
    try:
        return _run(Path(sys.argv[1]), listening, server)
    finally:
        server.terminate()
        server.exit_code(0)


class _Server:
    """The inference server: a copy of this process, which spares the start of another Python."""

    def __init__(self, listening: socket.socket) -> None:
        self._ended: int | None = None
        self._waiting = threading.RLock()
        self._pid = os.fork()
        if self._pid == 0:
            from .server import serve

            serve(listening)

    def exit_code(self, options: int = os.WNOHANG) -> int | None:
        """Return how it ended; None while it runs, for which 0 as `options` waits. Any thread may ask."""
        with self._waiting:
            if self._ended is None:
                pid, status = os.waitpid(self._pid, options)
                self._ended = exit_code(status) if pid else None
            return self._ended

    def has_ended(self) -> bool:
        return self.exit_code() is not None

    def reasons(self) -> list[str]:
        """Return what it left of its end, else how it ended; nothing while it runs."""
        if FAILURE.is_file():
            return [FAILURE.read_text(encoding="utf-8", errors="replace")]
        code = self.exit_code()
        return [] if code is None else [f"the inference server ended with {ending(code)}"]

    def terminate(self) -> None:
        if self._ended is None:
            os.kill(self._pid, signal.SIGTERM)


def _run(directory: Path, listening: socket.socket, server: _Server) -> int:
    started = time.monotonic()
    # The server loads its model meanwhile: importing the client takes a good part of that time.
    from .batch import run_batch
    from .invocations import Endpoint
    from .plan import Plan

    plan = Plan.read(directory)
    endpoint = Endpoint(listening.getsockname()[1], plan, server.has_ended)
    patience = FIRST_PING_SECONDS
    while not endpoint.answers_ping(patience):
        patience = min(1.5 * patience, LONGEST_PING_SECONDS)
        if server.has_ended():
            return _fail(server)
        if time.monotonic() - started > START_SECONDS:
            reason = f"the inference server did not answer /ping within {START_SECONDS:g} s"
            return _fail(server, reason)
    listening.close()
    print(f"model loaded: seconds={time.monotonic() - started:.3f}")
    plan = _settled(plan, endpoint.execution_parameters())
    faults = run_batch(plan, Endpoint(endpoint.port, plan, server.has_ended))
    if not faults:
        return 0
    more = f" (and {len(faults) - 5} more objects)" if len(faults) > 5 else ""
    return _fail(server, "; ".join(faults[:5]) + more)


def _settled(plan: Plan, wanted: Mapping[str, Any]) -> Plan:
    """Take what the request leaves open from the server, or else the service's defaults."""
    from dataclasses import replace

    payload = plan.max_payload_mb
    if payload is None:
        payload = int(wanted.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB))
    return replace(
        plan,
        max_payload_mb=payload,
        max_concurrent=plan.max_concurrent or int(wanted.get("MaxConcurrentTransforms", 1)),
        strategy=plan.strategy or _STRATEGIES.get(str(wanted.get("BatchStrategy")), "MultiRecord"),
    )


def _listen() -> socket.socket:
    """Listen on the contract's port, on any other where a sandbox shares the machine's network."""
    for port in (PORT, 0):
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except OSError:
            listening.close()
            continue
        listening.listen(128)
        return listening
    raise OSError("no port is free")


def _fail(server: _Server, *reasons: str) -> int:
    """Leave the reasons for the runner, those of the server first."""
    leave("; ".join([*server.reasons(), *reasons]))
    return 1


def _stop(server: _Server) -> None:
    """End at once, without waiting for requests under way."""
    server.terminate()
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
