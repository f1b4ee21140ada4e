"""A runner that is killed at any moment leaves no process behind, whatever was just starting."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smp.local.sandbox.base import Sandbox
from tests.local.orphans import orphans

ROOT = Path(__file__).parents[3]
KILLS = 25

RUNNER = """
import sys, sysconfig, threading
from pathlib import Path
from smp.local.sandbox.process import Stop, run_job
from smp.local.sandbox.base import Job
from smp.local.sandbox.choose import MAKERS

def go_on(place):
    (place / "ml").mkdir(parents=True, exist_ok=True)
    python = Path(sysconfig.get_path("scripts"))
    job = Job(("/bin/sh", "-c", sys.argv[3]), {}, place / "ml", python)
    while True:
        run_job(sandbox, job, place / "log", max_seconds=60, grace_seconds=9, stop=Stop(),
                on_line=lambda line: None)

sandbox = MAKERS[sys.argv[2]]()
for name in "ab":
    threading.Thread(target=go_on, args=(Path(sys.argv[1]) / name,)).start()
print("begun", flush=True)
"""


def assert_nothing_left(directory: Path, sandbox: Sandbox, script: str, pause: float) -> None:
    """Run jobs without end, kill who runs them after a pause, and look for what is left."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", RUNNER, str(directory), sandbox.name, script]
    with orphans() as left:
        runner = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert runner.stdout is not None
        runner.stdout.readline()
        time.sleep(pause)
        runner.kill()
        runner.communicate()
        assert left() == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can adopt orphans")
@pytest.mark.slow
def test_nothing_is_left_of_a_runner_that_is_killed(tmp_path: Path, each_sandbox: Sandbox) -> None:
    moments = random.Random(each_sandbox.name)
    for _ in range(KILLS):
        script = moments.choice(("true", "sleep 60 & trap '' TERM; sleep 60"))
        assert_nothing_left(tmp_path, each_sandbox, script, moments.uniform(0, 0.1))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can adopt orphans")
@pytest.mark.slow
def test_nothing_is_left_of_an_installation_that_is_killed(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from smp.local.jobs.environments import Environments
root = Path(sys.argv[1])
Environments(root / "envs", print).bin_of(root / "requirements.txt")
"""
    with socket.create_server(("127.0.0.1", 0)) as silent, orphans() as left:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/thing-1.0-py3-none-any.whl"
        (tmp_path / "requirements.txt").write_text(f"thing @ {address}\n")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
        runner = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)],
            env=environment,
            stdout=subprocess.DEVNULL,
        )
        silent.settimeout(60)
        connection, _ = silent.accept()
        with connection:
            runner.kill()
            runner.communicate()
            assert left() == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can adopt orphans")
@pytest.mark.slow
def test_nothing_is_left_of_a_data_script_that_is_killed(tmp_path: Path) -> None:
    model = tmp_path / "model_configs" / "churn"
    shutil.copytree(ROOT / "model_configs" / "churn_lightgbm", model)
    (model / "requirements-local.txt").unlink()
    script = "import subprocess\nprint('begun', flush=True)\nsubprocess.run(['sleep', '60'])\n"
    (model / "prepare_data.py").write_text(script)
    command = [sys.executable, "-m", "smp", "stage", "churn-lightgbm", "--workspace", str(tmp_path)]
    with orphans() as left:
        runner = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert runner.stderr is not None
        assert any("begun" in line for line in iter(runner.stderr.readline, ""))
        runner.kill()
        runner.communicate()
        assert left() == []
