"""Sessions, and what a person reads when AWS refuses or is not there: never a traceback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from smp.aws.session import client, open_session, session_name
from tests.aws.account import ACCOUNT, REGION
from tests.aws.conftest import RunSmp

pytestmark = pytest.mark.usefixtures("account")

ROLE = "arn:aws:iam::111122223333:role/smp-delivery-start"
OTHER_ROLE = "arn:aws:iam::111122223333:role/other"


class Answering(ThreadingHTTPServer):
    """An endpoint that answers every call with the same error, in the wire format of the service."""

    daemon_threads = True
    answer: tuple[int, str, str] = (400, "", "")
    calls = 0
    grants: frozenset[str] = frozenset()
    """Roles that let themselves be taken, whatever the answer is."""
    minutes = 60.0
    """How long their credentials live."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        self.server.calls += 1
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        status, code, message = self.server.answer
        (role,) = parse_qs(sent).get("RoleArn", [""])
        if role in self.server.grants:
            status, body = 200, _granted(role, self.server.minutes).encode()
        elif b"sts" in self.headers.get("Authorization", "").encode():
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            body = f"<ErrorResponse>{error}</ErrorResponse>".encode()
        else:
            body = json.dumps({"__type": code, "message": message}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def _granted(role: str, minutes: float) -> str:
    end = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    fields = {
        "AccessKeyId": role[-20:],
        "SecretAccessKey": "emulated",
        "SessionToken": "emulated",
        "Expiration": end,
    }
    credentials = "".join(f"<{name}>{text}</{name}>" for name, text in fields.items())
    result = f"<AssumeRoleResult><Credentials>{credentials}</Credentials></AssumeRoleResult>"
    return f"<AssumeRoleResponse>{result}</AssumeRoleResponse>"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    server = Answering(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "code", "reason", "hint"),
    [
        (400, "ExpiredTokenException", "the AWS credentials have expired", "sign in again"),
        (400, "UnrecognizedClientException", "AWS does not know these credentials", "--profile"),
        (403, "InvalidSignatureException", "AWS does not know these credentials", "--profile"),
        (400, "AccessDeniedException", "access is denied", "request this permission"),
        (400, "ThrottlingException", "AWS asks to slow down, also after 2 tries", "adaptive"),
        (503, "ServiceUnavailable", "the service failed, also after 2 tries", "try again"),
        (400, "ValidationException", "the service refused (ValidationException)", ""),
    ],
)
def test_fails_with_the_next_step(
    endpoint: Answering, run_smp: RunSmp, status: int, code: str, reason: str, hint: str
) -> None:
    endpoint.answer = (status, code, "User: me is not authorized")

    done = run_smp("status", "housing")

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"smp: cannot read pipeline housing: {reason}\n")
    assert "    found: User: me is not authorized\n" in done.err
    assert hint in done.err
    assert "Traceback" not in done.err


def test_fails_without_network(run_smp: RunSmp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    done = run_smp("start", "housing")

    assert done.status == 1
    assert done.err.startswith("smp: cannot read pipeline housing: AWS cannot be reached\n")
    assert "check the network, the proxy, --region and AWS_ENDPOINT_URL" in done.err


def test_fails_without_credentials(run_smp: RunSmp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    for extra in ((), ("--assume-role", ROLE)):
        done = run_smp("stop", "housing", *extra)
        assert done.status == 1
        assert ": no usable AWS credentials\n" in done.err
        assert "--profile" in done.err


def test_fails_without_a_region(run_smp: RunSmp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")

    done = run_smp("status", "housing")

    assert done.err == ("smp: no AWS region is set\n    hint: give --region, or set AWS_REGION\n")


def test_fails_for_a_profile_that_does_not_exist(run_smp: RunSmp) -> None:
    done = run_smp("status", "housing", "--profile", "nobody")

    assert done.err.startswith("smp: cannot open a session: no such profile\n")


def test_fails_for_a_role_that_is_no_arn(run_smp: RunSmp) -> None:
    done = run_smp("status", "housing", "--assume-role", "admin", "--assume-role", "arn:x")

    assert done.status == 1
    assert done.err.count("is not an ARN of a role") == 2
    assert "2 problems" in done.err


def test_fails_where_no_role_lets_itself_be_taken(endpoint: Answering, run_smp: RunSmp) -> None:
    endpoint.answer = (403, "AccessDenied", "not authorized to perform: sts:AssumeRole")

    done = run_smp("status", "housing", "--assume-role", ROLE, "--assume-role", OTHER_ROLE)

    assert done.status == 1
    assert f"cannot assume {ROLE}: access is denied\n" in done.err
    assert f"cannot assume {OTHER_ROLE}: access is denied\n" in done.err


def test_a_role_is_taken_with_a_name_that_says_who_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEBUILD_BUILD_ID", "start:4f1c 2aa")

    session = open_session(assume_role=[f"arn:aws:iam::{ACCOUNT}:role/smp-delivery-start"])
    identity = client(session, "sts").get_caller_identity()

    role = f"arn:aws:sts::{ACCOUNT}:assumed-role/smp-delivery-start"
    assert identity["Arn"] == f"{role}/smp-start-4f1c-2aa"
    assert session.region_name == REGION


def test_the_first_role_that_lets_itself_be_taken_is_taken(endpoint: Answering) -> None:
    endpoint.answer = (403, "AccessDenied", "no")
    endpoint.grants = frozenset({OTHER_ROLE})

    session = open_session(assume_role=[ROLE, OTHER_ROLE])

    credentials = session.get_credentials()
    assert credentials is not None
    assert credentials.access_key == OTHER_ROLE[-20:]
    assert endpoint.calls == 2


def test_a_role_is_taken_anew_before_its_credentials_end(endpoint: Answering) -> None:
    endpoint.grants = frozenset({ROLE})
    endpoint.minutes = 1

    session = open_session(assume_role=[ROLE])
    for _ in range(3):
        credentials = session.get_credentials()
        assert credentials is not None
        credentials.get_frozen_credentials()

    assert endpoint.calls > 2


def test_a_session_name_is_one_that_the_service_takes() -> None:
    name = session_name({"CODEBUILD_BUILD_ID": "projekt-ä:" + "x" * 80})

    assert name.startswith("smp-projekt---xxx")
    assert len(name) == 64


def test_no_credential_is_written(tmp_path: Path) -> None:
    session = open_session(assume_role=[ROLE])
    client(session, "sts").get_caller_identity()

    assert list(tmp_path.rglob("*")) == []
