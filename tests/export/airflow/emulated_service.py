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

from tests.export.airflow.emulated_executions import EmulatedExecutions, RefusedCallError

Json = dict[str, Any]
REGION, ACCOUNT = "eu-west-1", "123456789012"
STATUS = re.compile("Describe(.*Job)")


@dataclass(frozen=True)
class Call:
    """A call of SageMaker's API; `step` is the task that made it."""

    operation: str
    request: Json
    step: str = ""


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
        """A file and its content, by the step or the output of the processing job that writes it."""
        self.answers: dict[str, Json] = {}
        """What descriptions of jobs have besides, by the step."""
        self.failing: frozenset[str] = frozenset()
        """Steps whose calls are refused, or whose jobs fail."""
        self.executions = EmulatedExecutions()
        """Those of SageMaker pipelines."""
        self.lost_answers = 0
        """How many calls about executions take effect although their answers are lost."""

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
        self.answers.clear()
        self.failing = frozenset()
        self.executions = EmulatedExecutions()

    def write_reports(self, request: Json, step: str) -> None:
        """Write what a processing job would."""
        for output in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
            written = self.reports.get(step) or self.reports.get(output["OutputName"])
            if written:
                file, content = written
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
STEP = re.compile(r"\bapp/(\S+)")
"""What a client says of who it works for (AWS_SDK_UA_APP_ID)."""
JOBLESS = ("CreateModel", "CreateModelPackage")


def _recorded(application: Any, service: EmulatedService) -> Application:
    def answer(environ: Json, start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if not target.startswith("SageMaker."):
            answered: Iterable[bytes] = application(environ, start_response)
            return answered
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        step = STEP.search(environ.get("HTTP_USER_AGENT", ""))
        request = json.loads(body or b"{}")
        call = Call(target.removeprefix("SageMaker."), request, step[1] if step else "")
        service.calls.append(call)
        refused = _refusal(service, call)
        if refused:
            return _refuse(start_response, refused)
        try:
            found = service.executions.answer(call.operation, request)
        except RefusedCallError as error:
            return _refuse(start_response, str(error))
        if found is not None:
            if service.lost_answers:
                service.lost_answers -= 1
                return _refuse(start_response, "InternalFailure", "500 Internal Server Error")
            return _send(start_response, "200 OK", found)
        if call.operation == "CreateProcessingJob":
            service.write_reports(request, call.step)
        return _told(service, call, application, environ, start_response)

    return answer


def _refusal(service: EmulatedService, call: Call) -> str | None:
    """Return the code with which a call is refused, None where it is not."""
    if call.operation in JOBLESS and call.step in service.failing:
        return "ValidationException"
    code, left = service.refusals.get(call.operation, ("", 0))
    if not left:
        return None
    service.refusals[call.operation] = (code, left - 1)
    return code


def _refuse(start_response: Any, code: str, status: str = "400 Bad Request") -> Iterable[bytes]:
    return _send(start_response, status, {"__type": code, "message": f"refused: {code}"})


def _send(start_response: Any, status: str, answer: Json) -> Iterable[bytes]:
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
    start_response(status, headers)
    return [body]


def _told(
    service: EmulatedService, call: Call, application: Any, environ: Json, start_response: Any
) -> Iterable[bytes]:
    """Answer, with another ending where the job is to have one."""
    started: list[Any] = []
    body = b"".join(application(environ, lambda *given: started.append(given)))
    status, headers, *_ = started[0]
    match = STATUS.fullmatch(call.operation)
    if match and status.startswith("200"):
        more = dict(service.answers.get(call.step, {}))
        ending = _ending(service, call, call.request[f"{match[1]}Name"])
        if ending:
            more |= {f"{match[1]}Status": ending.status, "FailureReason": ending.reason}
        body = json.dumps(json.loads(body) | more).encode() if more else body
    kept = [(key, value) for key, value in headers if key.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(body)))])
    return [body]


def _ending(service: EmulatedService, call: Call, job: str) -> Ending | None:
    if call.step in service.failing:
        return Ending(job)
    return next((ending for ending in service.endings if ending.applies(job)), None)
