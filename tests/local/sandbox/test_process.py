"""Jobs that misbehave: none outlives its time, its run or its own end, in any sandbox."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smp.local.sandbox.base import Job, Sandbox
from smp.local.sandbox.process import Ended, Stop, run_job
from tests.local.pipelines import PYTHON


class Place:
    """A job's directory; `lines` is what the listener heard."""

    def __init__(self, directory: Path, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.opt_ml = directory / "ml"
        self.opt_ml.mkdir(parents=True)
        self.log = directory / "log.txt"
        self.lines: list[str] = []
        self.on_line: Callable[[str], object] = self.lines.append
        self.stop = Stop()

    def run(self, script: str, *, seconds: float = 60, grace: float = 0.5, **members: Any) -> Ended:
        (self.opt_ml / "script.py").write_text(script)
        job = Job(
            **{
                "command": ("python3", "/opt/ml/script.py"),
                "environment": {},
                "opt_ml": self.opt_ml,
                "python": PYTHON,
                **members,
            }
        )
        return run_job(
            self.sandbox,
            job,
            self.log,
            max_seconds=seconds,
            grace_seconds=grace,
            stop=self.stop,
            on_line=self._hear,
        )

    def _hear(self, line: str) -> None:
        self.on_line(line)


@pytest.fixture
def place(tmp_path: Path, each_sandbox: Sandbox) -> Place:
    return Place(tmp_path / "job", each_sandbox)


def processes_with(marker: str) -> list[str]:
    """Return the command lines of all processes of this machine that contain a text."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if marker in command:
            found.append(command)
    return found


def assert_gone(marker: str) -> None:
    deadline = time.monotonic() + 5
    while processes_with(marker):
        assert time.monotonic() < deadline, processes_with(marker)
        time.sleep(0.02)


def test_a_job_gets_its_exit_code_and_its_log(place: Place) -> None:
    ended = place.run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")

    assert ended == Ended(7)
    assert place.log.read_text() == "out\nerr\n"
    assert place.lines == ["out", "err"]


def test_a_job_that_a_signal_ends_has_the_shell_s_exit_code(place: Place) -> None:
    assert place.run("import os; os.kill(os.getpid(), 9)").exit_code == 128 + 9


def test_a_job_past_its_time_gets_sigterm_and_can_tidy_up(place: Place) -> None:
    script = """
import signal, sys, time
def tidy(*_):
    print('tidied', flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, tidy)
print('ready', flush=True)
time.sleep(60)
"""
    began = time.monotonic()
    ended = place.run(script, seconds=1, grace=30)

    assert ended.timed_out
    assert place.lines == ["ready", "tidied"]
    assert time.monotonic() - began < 10


SHELL = ("/bin/bash", "-c", "true && /bin/bash /opt/ml/sm_drivers/sm_train.sh")
"""How the SDK starts a training script: a shell, a script of it, a driver in Python."""


def test_a_script_below_the_shell_of_the_sdk_hears_no_sigterm(place: Place) -> None:
    """As in the service, where the shell is process 1: it neither ends nor passes the signal on."""
    drivers = place.opt_ml / "sm_drivers"
    drivers.mkdir()
    (drivers / "sm_train.sh").write_text("set -e\npython3 /opt/ml/sm_drivers/driver.py\n")
    start = "import subprocess; subprocess.run(['python3', '/opt/ml/script.py'], check=True)"
    (drivers / "driver.py").write_text(start)
    script = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('told', flush=True)))
print('ready', flush=True)
time.sleep(60)
"""
    began = time.monotonic()
    ended = place.run(script, command=SHELL, seconds=1.5, grace=1)

    assert ended.timed_out
    assert place.lines == ["ready"]
    assert 2.5 <= time.monotonic() - began < 15


def test_a_job_that_ignores_sigterm_is_killed_after_the_grace(place: Place) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    ended = place.run(script, seconds=0.5, grace=0.5)

    assert ended.timed_out
    assert ended.exit_code != 0
    assert 1 <= time.monotonic() - began < 10


def test_a_stop_ends_the_job_and_a_second_one_does_not_wait(place: Place) -> None:
    def stop_twice() -> None:
        place.stop.set()
        time.sleep(0.5)
        place.stop.at_once = True

    threading.Timer(0.5, stop_twice).start()
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
    began = time.monotonic()
    ended = place.run(script, grace=60)

    assert (ended.stopped, ended.timed_out) == (True, False)
    assert time.monotonic() - began < 10


def test_nothing_is_left_of_a_job_that_makes_daemons(place: Place) -> None:
    marker = f"daemon-{os.getpid()}-{time.time_ns()}"
    script = f"""
import os, subprocess, sys, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp('python3', ['python3', '-c', 'import time; time.sleep(60)', '{marker}'])
        os._exit(0)
    os.wait()
time.sleep(0.5)
print('main is done')
"""
    began = time.monotonic()
    ended = place.run(script)

    assert ended.exit_code == 0
    assert time.monotonic() - began < 15
    assert_gone(marker)


def test_nothing_is_left_of_a_job_with_children_that_runs_too_long(place: Place) -> None:
    marker = f"child-{os.getpid()}-{time.time_ns()}"
    script = f"""
import signal, subprocess, sys, time
signal.signal(15, signal.SIG_IGN)
for _ in range(3):
    code = 'import signal, time; signal.signal(15, 1); time.sleep(60)'
    subprocess.Popen([sys.executable, '-c', code, '{marker}'])
time.sleep(60)
"""
    assert place.run(script, seconds=1, grace=0.3).timed_out
    assert_gone(marker)


def test_a_hundred_megabytes_of_output_take_no_memory(place: Place) -> None:
    script = """
import sys
line = 'x' * 999 + chr(10)
for _ in range(100):
    sys.stdout.write(line * 1000)
"""
    count = 0

    def on_line(_: str) -> None:
        nonlocal count
        count += 1

    place.on_line = on_line
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ended = place.run(script)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before

    assert ended.exit_code == 0
    assert place.log.stat().st_size == 100_000_000
    assert count == 100_000
    assert grown < 20_000


def test_a_line_without_end_comes_in_pieces(place: Place) -> None:
    place.run("print('y' * 1_000_000, end='')")

    assert place.log.stat().st_size == 1_000_000
    assert sum(map(len, place.lines)) == 1_000_000
    assert max(map(len, place.lines)) <= 2 * 64 * 1024


def test_output_that_is_not_utf_8_is_kept_and_shown(place: Place) -> None:
    script = r"import sys; sys.stdout.buffer.write(b'caf\xe9 \xff\xfe\r\n\x00\x1b[31mred\n')"
    place.run(script)

    assert place.log.read_bytes() == b"caf\xe9 \xff\xfe\r\n\x00\x1b[31mred\n"
    assert place.lines == ["caf\ufffd \ufffd\ufffd", "\x00\x1b[31mred"]


def test_a_job_reads_no_input_and_has_no_variables_of_the_caller(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TOKEN", "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    place.run("import os, sys; print(sys.stdin.read() == '', sorted(os.environ))")

    assert place.lines[0].startswith("True")
    assert "SECRET_TOKEN" not in place.lines[0]
    assert "OMP_NUM_THREADS" in place.lines[0]


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_runner_is_killed(
    tmp_path: Path, each_sandbox: Sandbox, signal_number: int
) -> None:
    marker = f"orphan-{os.getpid()}-{time.time_ns()}"
    script = f"""
import os, subprocess, sys, time
sleep = [sys.executable, '-c', 'import time; time.sleep(60)', '{marker}']
subprocess.Popen(sleep, start_new_session=True)
print('ready', flush=True)
time.sleep(60)
"""
    read_end, write_end = os.pipe()
    runner = os.fork()
    if runner == 0:
        try:
            place = Place(tmp_path / "job", each_sandbox)
            place.on_line = lambda line: os.write(write_end, line.encode())
            place.run(script)
        finally:
            os._exit(0)
    os.close(write_end)
    assert os.read(read_end, 10) == b"ready"
    deadline = time.monotonic() + 5
    while not processes_with(marker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_with(marker)

    os.kill(runner, signal_number)
    os.waitpid(runner, 0)

    assert_gone(marker)
