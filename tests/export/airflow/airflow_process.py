"""A process of an Airflow environment that runs DAGs when asked to."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.export.airflow.emulated_service import REGION
from tools.environments import environment, is_installed, python_of

Json = dict[str, Any]
LOG, DAGS = "runner.log", "dags"
RUNNER = Path(__file__).with_name("run_dags.py")


class AirflowProcess:
    """Asks a runner and waits for its answers."""

    def __init__(self, process: subprocess.Popen[str], home: Path) -> None:
        self._process = process
        self._log = home / LOG
        self.dags = home / DAGS
        self._answer()

    def place(self, *files: Mapping[str, str]) -> None:
        """Put files where Airflow looks for DAGs, and nothing else."""
        shutil.rmtree(self.dags)
        self.dags.mkdir()
        for name, text in (item for group in files for item in group.items()):
            (self.dags / name).write_text(text, encoding="utf-8")

    def parse(self) -> Json:
        """Return what Airflow finds in the directory of DAGs."""
        return self._ask(do="parse", folder=str(self.dags))

    def run(self, dag: str, **conf: Any) -> Json:
        """Run a DAG to its end, with these parameters."""
        return self._ask(do="run", folder=str(self.dags), dag_id=dag, conf=conf)

    def next_run(self, dag: str) -> datetime:
        """Return when the scheduler would start a DAG that it finds now."""
        answer = self._ask(do="schedule", folder=str(self.dags), dag_id=dag)
        return datetime.fromisoformat(answer["next"])

    def validate(self, workflow: str) -> Json:
        """Return what AWS's package for MWAA Serverless says of a workflow."""
        return self._ask(do="validate", workflow=workflow)

    def _ask(self, **request: Any) -> Json:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert "error" not in answer, f"{answer['error']}\nlog: {self._log}"
        return answer

    def _answer(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"Airflow ended: {self._log.read_text()[-4000:]}"
        answer: Json = json.loads(line)
        return answer

    def log(self) -> str:
        """Return all that was said so far."""
        return self._log.read_text(encoding="utf-8")


def airflow_variables(home: Path, service_url: str, database: Path | None = None) -> dict[str, str]:
    """Return the environment of a process of Airflow that talks to the emulator alone."""
    return {
        **{
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AWS_", "AIRFLOW"))
        },
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / DAGS),
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database or home / 'airflow.db'}",
        "AIRFLOW__SMP__CHECK_INTERVAL": "0",
        "AWS_ENDPOINT_URL": service_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _keep(database: Path, kept: Path) -> None:
    """Keep a new database for the processes to come."""
    with tempfile.NamedTemporaryFile(dir=kept.parent, delete=False) as file:
        copied = Path(file.name)
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copied)) as target:
        source.backup(target)
    copied.replace(kept)


@contextmanager
def airflow_process(
    name: str, home: Path, service_url: str, more: Mapping[str, str] | None = None
) -> Iterator[AirflowProcess]:
    """Start a runner in one of the environments, and end it."""
    if python_of(name) is None:
        pytest.skip(f"this machine has no Python that {name} runs under")
    if not is_installed(name):
        pytest.fail(f"{name} is not installed: run make test, or python -m tools.environments")
    (home / DAGS).mkdir(parents=True, exist_ok=True)
    kept, database = environment(name) / "migrated.db", home / "airflow.db"
    if kept.exists():
        shutil.copyfile(kept, database)
    ready = {"SMP_DATABASE_IS_READY": "1"} if kept.exists() else {}
    with (home / LOG).open("w") as said:
        process = subprocess.Popen(
            [str(environment(name) / "bin" / "python"), str(RUNNER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
            cwd=home,
            env=airflow_variables(home, service_url) | ready | dict(more or {}),
        )
    try:
        running = AirflowProcess(process, home)
        if not kept.exists():
            _keep(database, kept)
        yield running
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
