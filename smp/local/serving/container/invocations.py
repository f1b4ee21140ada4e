"""Calls the inference server over HTTP: `/ping`, `/execution-parameters`, `/invocations`."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .plan import Plan

FIRST_PAUSE_SECONDS = 0.1


class InvocationError(Exception):
    """A request got no good answer, after every retry."""


@dataclass(frozen=True)
class Answer:
    """A response to an invocation."""

    body: bytes
    content_type: str | None


class Endpoint:
    """The inference server on a port of this host."""

    def __init__(
        self, port: int, plan: Plan, has_ended: Callable[[], bool] = lambda: False
    ) -> None:
        self.port = port
        self._plan = plan
        self._has_ended = has_ended

    def answers_ping(self, timeout_seconds: float) -> bool:
        """Return whether the server is up and has its model."""
        try:
            return self._get("/ping", timeout_seconds)[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def execution_parameters(self) -> Mapping[str, Any]:
        """Return what the server asks for, nothing where it does not answer that."""
        try:
            status, body = self._get("/execution-parameters", 60)
            found = json.loads(body) if status == http.client.OK else {}
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def invoke(self, payload: bytes) -> Answer:
        """Send a payload, again after a server error or no answer; raises InvocationError.

        Nothing is sent again to a server that has ended.
        """
        attempts = self._plan.max_retries + 1
        for attempt in range(1, attempts + 1):
            try:
                status, answer = self._post(payload)
                if status < 300:
                    return answer
                said = answer.body.decode("utf-8", "replace").strip()[:1024]
                reason = f"HTTP {status}: {said or 'no message'}"
                if status < 500 and status != http.client.TOO_MANY_REQUESTS:
                    raise InvocationError(reason)
            except socket.timeout:  # noqa: UP041  before Python 3.10 it is not a TimeoutError
                reason = f"no answer within {self._plan.timeout_seconds} s"
            except (OSError, http.client.HTTPException) as error:
                reason = f"the server broke off: {error or type(error).__name__}"
            if self._has_ended():
                raise InvocationError("the inference server has ended")
            if attempt < attempts:
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1))
        raise InvocationError(f"{reason} ({attempts} attempts)")

    def _get(self, path: str, timeout_seconds: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_seconds)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _post(self, payload: bytes) -> tuple[int, Answer]:
        timeout = self._plan.timeout_seconds
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            headers = {"Connection": "close"}
            if self._plan.content_type is not None:
                headers["Content-Type"] = self._plan.content_type
            if self._plan.accept is not None:
                headers["Accept"] = self._plan.accept
            if self._plan.max_payload_mb == 0:
                connection.request("POST", "/invocations", [payload], headers, encode_chunked=True)
            else:
                connection.request("POST", "/invocations", payload, headers)
            response = connection.getresponse()
            return response.status, Answer(response.read(), response.headers["Content-Type"])
        finally:
            connection.close()
