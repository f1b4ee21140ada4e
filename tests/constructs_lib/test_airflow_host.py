"""What an instance with Airflow runs when it starts, as far as it runs without one."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from constructs_lib.airflow_host import SCRIPT

PROGRAM = "cat > /usr/local/bin/airflow-env <<'PROGRAM'\n"
SETTINGS = """\
AWS_REGION=eu-west-1
KEYS_SECRET_ARN=arn:keys
DATABASE_SECRET_ARN=arn:database
DATABASE_HOST=database.local
DATABASE_PORT=5433
DATABASE_NAME=airflow
PGSSLMODE=verify-full
"""
KEYS = "k" * 32 + "j" * 32
FAKE_AWS = """\
#!/bin/sh
case "$*" in
  *arn:database*) cat "$ANSWERS/database.json" ;;
  *arn:keys*) cat "$ANSWERS/keys.json" ;;
esac
"""


class Host:
    """A directory in the place of /etc/airflow, and a command in the place of AWS's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "airflow-env"
        text = SCRIPT.read_text("utf-8").partition(PROGRAM)[2].partition("\nPROGRAM\n")[0]
        self.program.write_text(text)
        (directory / "settings").write_text(SETTINGS)
        command = directory / "bin" / "aws"
        command.parent.mkdir()
        command.write_text(FAKE_AWS)
        command.chmod(0o755)
        self.answer("keys", KEYS, "1")

    def answer(self, name: str, secret: str, version: str) -> None:
        answer = {"SecretString": secret, "VersionId": version}
        (self.directory / f"{name}.json").write_text(json.dumps(answer))

    def run(self, *arguments: str) -> int:
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        command = [sys.executable, str(self.program), str(self.directory), *arguments]
        environ = {"PATH": path, "ANSWERS": str(self.directory)}
        return subprocess.run(command, env=environ, check=False, capture_output=True).returncode

    def environment(self) -> dict[str, str]:
        lines = (self.directory / "environment").read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_script_is_one_that_the_shell_reads() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    assert SCRIPT.stat().st_size < 12_000, "EC2 takes 16 KiB of it"


def test_the_environment_holds_what_the_secrets_say(host: Host) -> None:
    password = "a/b:c@d%e$f"
    host.answer("database", json.dumps({"username": "airflow", "password": password}), "v1")
    assert host.run() == 0
    found = host.environment()
    assert found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == (
        "postgresql+psycopg2://airflow:a%2Fb%3Ac%40d%25e%24f@database.local:5433/airflow"
    )
    assert len(base64.urlsafe_b64decode(found["AIRFLOW__CORE__FERNET_KEY"])) == 32
    assert found["AIRFLOW__API_AUTH__JWT_SECRET"] == "j" * 32
    assert found["PGSSLMODE"] == "verify-full"
    assert (host.directory / "environment").stat().st_mode & 0o007 == 0


def test_a_new_password_is_noticed(host: Host) -> None:
    host.answer("database", json.dumps({"username": "airflow", "password": "one"}), "v1")
    assert host.run("--changed") == 0
    host.run()
    assert host.run("--changed") == 1
    host.answer("database", json.dumps({"username": "airflow", "password": "two"}), "v2")
    assert host.run("--changed") == 0
    assert ":one@" in host.environment()["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
