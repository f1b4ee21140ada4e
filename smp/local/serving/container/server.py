"""The inference server: worker processes that take one request at a time, as behind gunicorn.

It serves on a socket that it is given, so that it never has to find a free port.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import socket
import sys
import traceback
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NoReturn

from .encoding import UnsupportedError
from .failure import ending, exit_code, leave
from .handlers import BadScriptError, Context, Handlers, import_script

WORKERS = "SAGEMAKER_MODEL_SERVER_WORKERS"
CANNOT_LOAD = 3
"""Exit code of a worker without a model: a new one would fare no better."""
MAX_FAILED_LOADS, MAX_SILENT = 5, 20
"""How many workers in a row are replaced that ended before they had a model, or had answered."""
LOADED, ANSWERED = 0, 1
"""Places in the memory in which a worker notes for the server that it got so far."""


class _Requests(BaseHTTPRequestHandler):
    """Answers one connection. TCP_NODELAY and a buffered writer save 40 ms a request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    handlers: Handlers
    progress: mmap.mmap
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
        except BaseException as error:  # the boundary to the model's own code
            traceback.print_exc()
            status = error.status if isinstance(error, UnsupportedError) else 500
            body, content_type = _told(error).encode("utf-8", "replace"), "text/plain"
        else:
            status = 200
        self.progress[ANSWERED] = True
        return self._answer(status, body, content_type)

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
    """Return SAGEMAKER_MODEL_SERVER_WORKERS, or as many as there are requests at once and cores.

    Raises ValueError for what is not a number.
    """
    given = os.environ.get(WORKERS)
    if given:
        try:
            return max(1, int(given))
        except ValueError as error:
            raise ValueError(f"{WORKERS} is {given!r}, not a number of processes") from error
    at_once = int(os.environ.get("SAGEMAKER_MAX_CONCURRENT_TRANSFORMS") or 1)
    return max(1, min(at_once, os.cpu_count() or 1))


def serve(listening: socket.socket) -> NoReturn:
    """Keep the workers going until SIGTERM; give up where no model loads, or none ever answers."""
    try:
        _Requests.workers = worker_count()
    except ValueError as error:
        leave(f"the inference server cannot start: {error}")
        os._exit(1)
    workers: dict[int, mmap.mmap] = {}
    for _ in range(_Requests.workers):
        _start_worker(listening, workers)
    signal.signal(signal.SIGTERM, lambda *_: _end(workers))
    failed_loads = silent = 0
    while True:
        pid, status = os.wait()
        progress, code = workers.pop(pid), exit_code(status)
        if code == CANNOT_LOAD:
            _end(workers, CANNOT_LOAD)
        failed_loads = 0 if progress[LOADED] else failed_loads + 1
        silent = 0 if progress[ANSWERED] else silent + 1
        if failed_loads > MAX_FAILED_LOADS:
            _give_up(workers, code, f"{failed_loads} times in a row before it had its model")
        if silent > MAX_SILENT:
            _give_up(workers, code, f"{silent} times in a row before it had answered a request")
        print(f"a server process ended with {ending(code)}; starting another", file=sys.stderr)
        _start_worker(listening, workers)


def _give_up(workers: Mapping[int, mmap.mmap], code: int, when: str) -> NoReturn:
    leave(f"the inference server ended: its process ended {when}, at last with {ending(code)}")
    _end(workers, 1)


def _end(workers: Mapping[int, mmap.mmap], code: int = 0) -> NoReturn:
    for pid in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(code)


def _start_worker(listening: socket.socket, workers: dict[int, mmap.mmap]) -> None:
    _Requests.progress = mmap.mmap(-1, 2)
    pid = os.fork()
    if pid:
        workers[pid] = _Requests.progress
        return
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = 1
    try:
        code = _work(listening)
    except BaseException:  # or the worker would continue as the server
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(code)


def _work(listening: socket.socket) -> int:
    """Load the model and serve it for good; return the exit code where it does not load."""
    try:
        _Requests.handlers = Handlers(import_script(os.environ))
    except BaseException as error:  # the boundary to the model's own code
        traceback.print_exc()
        said = str(error) if isinstance(error, BadScriptError) else _told(error)
        leave(f"the model could not be loaded: {said}")
        return CANNOT_LOAD
    _Requests.progress[LOADED] = True
    server = HTTPServer(("127.0.0.1", 0), _Requests, bind_and_activate=False)
    while True:
        connection, address = listening.accept()
        with connection:
            try:
                _Requests(connection, address, server)
            except ConnectionError:
                pass
            except Exception:
                traceback.print_exc()


def _told(error: BaseException) -> str:
    """Return an error's type, and its text where it has one."""
    name, text = type(error).__name__, str(error)
    return f"{name}: {text}" if text else name
