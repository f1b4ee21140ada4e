"""A whole Airflow on this machine: scheduler, executor, triggerer, DAG processor and web server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote, unquote
from urllib.request import Request, urlopen

from tests.export.airflow.airflow_process import DAGS, airflow_variables
from tools.environments import environment

Json = dict[str, Any]
COMPONENTS = (
    ("api-server",),
    ("dag-processor",),
    ("scheduler", "--skip-serve-logs"),
    ("triggerer", "--skip-serve-logs"),
)
"""Of them only the API server listens, on loopback."""


class DeployedAirflow:
    """Its REST API."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self._log = log
        self._token = ""

    def get(self, path: str) -> Json:
        return self._call(path)

    def start(self, dag: str) -> str:
        """Start a run; returns its address in the API."""
        made = self._call(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None})
        return f"/api/v2/dags/{dag}/dagRuns/{quote(made['dag_run_id'])}"

    def end(self, run: str, state: str) -> None:
        """Mark a run, as a person does in the web interface."""
        self._call(run, {"state": state}, method="PATCH")

    def clear(self, run: str, *tasks: str) -> None:
        """Clear tasks of a run with all after them, as a person does in the web interface."""
        dag, _, run_id = run.removeprefix("/api/v2/dags/").partition("/dagRuns/")
        body = {
            "dag_run_id": unquote(run_id),
            "task_ids": list(tasks),
            "dry_run": False,
            "only_failed": False,
            "include_downstream": True,
            "reset_dag_runs": True,
        }
        self._call(f"/api/v2/dags/{dag}/clearTaskInstances", body)

    def states(self, run: str) -> Mapping[str, str]:
        found = self._call(f"{run}/taskInstances")["task_instances"]
        return {item["task_id"]: item["state"] for item in found}

    def wait(self, what: Callable[[], Any], seconds: int = 240) -> Any:
        """Return the first answer that is true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(URLError, ConnectionError, TimeoutError):
                answer = what()
                if answer:
                    return answer
            time.sleep(0.5)
        raise AssertionError(f"not within {seconds} s: {self._log.read_text()[-4000:]}")

    def _call(self, path: str, body: Json | None = None, method: str | None = None) -> Json:
        self._token = self._token or self._ask("/auth/token")["access_token"]
        return self._ask(path, body, method)

    def _ask(self, path: str, body: Json | None = None, method: str | None = None) -> Json:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, headers, method=method), timeout=20) as answer:
            read: Json = json.loads(answer.read())
        return read


@contextmanager
def deployed_airflow(
    home: Path, service_url: str, files: Mapping[str, str], more: Mapping[str, str]
) -> Iterator[DeployedAirflow]:
    """Start Airflow 3 with these files as DAGs, and end it with all its processes."""
    (home / DAGS).mkdir()
    for name, text in files.items():
        (home / DAGS / name).write_text(text, encoding="utf-8")
    kept = environment("airflow-3") / "migrated.db"
    if kept.exists():
        shutil.copyfile(kept, home / "airflow.db")
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    variables = airflow_variables(home, service_url) | {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": "the same in all processes, and long enough for a signature",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "false",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
        **more,
    }
    log = home / "airflow.log"
    with log.open("w") as said:
        if not kept.exists():
            subprocess.run(_command("db", "migrate"), env=variables, check=True, stdout=said)
        processes = [
            subprocess.Popen(
                _command(*words),
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=home,
                env=variables,
                start_new_session=True,
            )
            for words in COMPONENTS
        ]
    try:
        yield DeployedAirflow(url, log)
    finally:
        _end(processes)


def _command(*words: str) -> list[str]:
    return [str(environment("airflow-3") / "bin" / "python"), "-m", "airflow", *words]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """End the processes and all that they started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
