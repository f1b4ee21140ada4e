"""Airflow's own log handler works with exactly the actions that the role of its instance has."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug import Request, Response
from werkzeug.serving import make_server

from tests.stacks.synthesis import Synthesis, shown
from tools.environments import environment, is_installed

HOSTED = "Smp-hosted-Orchestration"
GROUP = "airflow-tasks"
ARN = f"arn:aws:logs:eu-west-1:123456789012:log-group:{GROUP}"
ANSWERS: dict[str, Any] = {
    "DescribeLogGroups": {"logGroups": [{"logGroupName": GROUP, "arn": ARN}]},
    "CreateLogStream": {},
    "PutLogEvents": {"nextSequenceToken": "1"},
    "GetLogEvents": {"events": []},
}
WRITES = f"""
import logging
from airflow.providers.amazon.aws.log.cloudwatch_task_handler import CloudWatchRemoteLogIO

logs = CloudWatchRemoteLogIO(
    base_log_folder=".", remote_base="cloudwatch://{ARN}", log_group_arn="{ARN}", log_stream_name="task"
)
logs.handler.handle(logging.LogRecord("task", logging.INFO, "", 0, "a line of a task", (), None))
logs.close()
"""


@contextmanager
def log_service(actions: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Start a service that allows these actions alone; yield its address and what was called."""
    called: list[str] = []

    @Request.application
    def answer(request: Request) -> Response:
        operation = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        called.append(operation)
        if f"logs:{operation}" not in actions:
            denied = {"__type": "AccessDeniedException", "message": f"logs:{operation}"}
            return Response(json.dumps(denied), 400, content_type="application/x-amz-json-1.1")
        body = json.dumps(ANSWERS[operation])
        return Response(body, content_type="application/x-amz-json-1.1")

    server = make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", called
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def write_a_line(name: str, url: str, home: Path) -> int:
    variables = {
        **{key: item for key, item in os.environ.items() if not key.startswith("AWS_")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    command = [str(environment(name) / "bin" / "python"), "-c", WRITES]
    done = subprocess.run(command, env=variables, cwd=home, check=False, capture_output=True)
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize("name", ["airflow-mwaa", "airflow-3"])
def test_the_handler_writes_the_logs_of_tasks(
    targeted: Synthesis, tmp_path: Path, name: str
) -> None:
    if not is_installed(name):
        pytest.fail(f"{name} is not installed: run make environments")
    statements = shown(targeted.statements(HOSTED, "AirflowHostPolicy"))
    found = {action for each in statements.values() for action in each["Action"]}
    actions = {action for action in found if action.startswith("logs:")}
    with log_service(actions) as (url, called):
        assert write_a_line(name, url, tmp_path) == 0
    assert called[-1] == "PutLogEvents"
    assert "CreateLogGroup" not in called
    with log_service(actions - {"logs:DescribeLogGroups"}) as (url, called):
        assert write_a_line(name, url, tmp_path) != 0
