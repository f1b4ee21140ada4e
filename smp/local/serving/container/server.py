"""The inference server: worker processes that take one request at a time, as behind gunicorn.

It serves on a socket that it is given, so that it never has to find a free port.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NoReturn

from .encoding import UnsupportedError
from .failure import FAILURE
from .handlers import BadScriptError, Context, Handlers, import_script

CANNOT_LOAD = 3
"""Exit code of a worker without a model: a new one would fare no better."""
MAX_RESTARTS = 5


class _Requests(BaseHTTPRequestHandler):
    """Answers one connection. TCP_NODELAY and a buffered writer save 40 ms a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    handlers: Handlers
    workers = 1

    def do_GET(self) -> None:
        """Answer /ping and /execution-parameters."""
        if self.path == "/ping":
            self._answer(200, b"", "text/plain")
        elif self.path == "/execution-parameters":
            wanted = {
                "MaxConcurrentTransforms": self.workers,
                "BatchStrategy": "MULTI_RECORD",
                "MaxPayloadInMB": 6,
            }
            self._answer(200, json.dumps(wanted).encode(), "application/json")
        else:
            self._answer(404, b"not found", "text/plain")

    def do_POST(self) -> None:
        """Answer /invocations."""
        if self.path != "/invocations":
            return self._answer(404, b"not found", "text/plain")
        headers = self.headers
        try:
            body, content_type = self.handlers.serve(
                self._body(),
                headers.get("Content-Type") or "",
                headers.get("Accept") or "",
                Context(dict(headers.items())),
            )
        except (Exception, SystemExit) as error:  # the boundary to the model's own code
            traceback.print_exc()
            status = error.status if isinstance(error, UnsupportedError) else 500
            text = f"{type(error).__name__}: {error}"
            return self._answer(status, text.encode("utf-8", "replace"), "text/plain")
        return self._answer(200, body, content_type)

    def log_message(self, *_: object) -> None:
        """Keep the log to what the model's code prints."""

    def _body(self) -> bytes:
        if (self.headers.get("Transfer-Encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: bytes, content_type: str) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


def worker_count() -> int:
    """Return SAGEMAKER_MODEL_SERVER_WORKERS, or as many as there are requests at once and cores."""
    given = os.environ.get("SAGEMAKER_MODEL_SERVER_WORKERS")
    if given:
        return max(1, int(given))
    at_once = int(os.environ.get("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS") or 1)
    return max(1, min(at_once, os.cpu_count() or 1))


def serve(listening: socket.socket) -> NoReturn:
    """Keep the workers going until SIGTERM; give up where the model does not load."""
    count = worker_count()
    workers = {_start_worker(listening, count) for _ in range(count)}
    signal.signal(signal.SIGTERM, lambda *_: _end(workers))
    restarts = 0
    while True:
        pid, status = os.wait()
        workers.discard(pid)
        code = os.waitstatus_to_exitcode(status)
        restarts += 1
        if code == CANNOT_LOAD or restarts > MAX_RESTARTS:
            _end(workers, CANNOT_LOAD)
        print(f"a server process ended with exit code {code}; starting another", file=sys.stderr)
        workers.add(_start_worker(listening, count))


def _end(workers: set[int], code: int = 0) -> NoReturn:
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(code)


def _start_worker(listening: socket.socket, count: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        _work(listening, count)
    finally:
        sys.stdout.flush()
        os._exit(CANNOT_LOAD)


def _work(listening: socket.socket, count: int) -> None:
    try:
        _Requests.handlers = Handlers(import_script(os.environ))
        _Requests.workers = count
    except (Exception, SystemExit) as error:  # the boundary to the model's own code
        kind = "" if isinstance(error, BadScriptError) else f"{type(error).__name__}: "
        traceback.print_exc()
        FAILURE.parent.mkdir(parents=True, exist_ok=True)
        FAILURE.write_text(f"the model could not be loaded: {kind}{error}", encoding="utf-8")
        return
    server = HTTPServer(("127.0.0.1", 0), _Requests, bind_and_activate=False)
    while True:
        connection, address = listening.accept()
        with connection, contextlib.suppress(ConnectionError):
            _Requests(connection, address, server)
