"""An AWS emulator in this process that keeps what it is asked for, and lets chosen jobs end badly.

Airflow talks to it from a process of its own, over loopback.
"""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Json = dict[str, Any]
REGION, ACCOUNT = "eu-west-1", "123456789012"
STATUS = re.compile("Describe(.*Job)")


@dataclass(frozen=True)
class Call:
    """A call of SageMaker's API."""

    operation: str
    request: Json


@dataclass
class Ending:
    """How jobs whose names hold a text end, the first `times` of them."""

    name: str
    status: str = "Failed"
    reason: str = "AlgorithmError: the script failed"
    times: int = 1000
    ended: set[str] = field(default_factory=set)

    def applies(self, job: str) -> bool:
        if self.name in job and len(self.ended | {job}) <= self.times:
            self.ended.add(job)
        return job in self.ended


class EmulatedService:
    """The emulator: `url`, the calls of SageMaker so far, and how jobs are to end."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[Call] = []
        self.endings: list[Ending] = []
        self.refusals: dict[str, tuple[str, int]] = {}
        """The error code and how often, by the operation that is refused with it."""
        self.reports: dict[str, tuple[str, Any]] = {}
        """A file and its content, by the output of a processing job that it is written to."""

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def created(self) -> list[Call]:
        """Return the calls that made something."""
        return [call for call in self.calls if call.operation.startswith("Create")]

    def forget(self) -> None:
        """Begin anew, but for what lies in buckets."""
        self.calls.clear()
        self.endings.clear()
        self.refusals.clear()
        self.reports.clear()

    def write_reports(self, request: Json) -> None:
        """Write what a processing job would."""
        for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            if output["OutputName"] in self.reports:
                file, content = self.reports[output["OutputName"]]
                bucket, _, prefix = output["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
                body = json.dumps(content).encode()
                self.client("s3").put_object(Bucket=bucket, Key=f"{prefix}/{file}", Body=body)


@contextmanager
def emulated_service() -> Iterator[EmulatedService]:
    """Start the emulator, and end it."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)
    service = EmulatedService("")
    server = make_server("127.0.0.1", 0, _recorded(application, service), threaded=True)
    service.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Application = Callable[[Json, Any], Iterable[bytes]]


def _recorded(application: Any, service: EmulatedService) -> Application:
    def answer(environ: Json, start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith("SageMaker."):
            answered: Iterable[bytes] = application(environ, start_response)
            return answered
        operation = target.removeprefix("SageMaker.")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        request = json.loads(body or b"{}")
        service.calls.append(Call(operation, request))
        if operation == "CreateProcessingJob":
            service.write_reports(request)
        code, left = service.refusals.get(operation, ("", 0))
        if left:
            service.refusals[operation] = (code, left - 1)
            return _refused(start_response, code)
        return _ended(application, service, operation, request, environ, start_response)

    return answer


def _refused(start_response: Any, code: str) -> Iterable[bytes]:
    body = json.dumps({"__type": code, "message": f"refused: {code}"}).encode()
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
    start_response("400 Bad Request", headers)
    return [body]


def _ended(
    application: Any,
    service: EmulatedService,
    operation: str,
    request: Json,
    environ: Json,
    start_response: Any,
) -> Iterable[bytes]:
    """Answer, with another ending where the job is to have one."""
    started: list[Any] = []
    parts = application(environ, lambda *given: started.append(given))
    body = b"".join(parts)
    status, headers, *_ = started[0]
    match = STATUS.fullmatch(operation)
    if match and status.startswith("200"):
        job = request[f"{match[1]}Name"]
        for ending in service.endings:
            if ending.applies(job):
                described = json.loads(body)
                described[f"{match[1]}Status"] = ending.status
                described["FailureReason"] = ending.reason
                body = json.dumps(described).encode()
                break
    kept = [(key, value) for key, value in headers if key.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(body)))])
    return [body]
