"""The container engine's command line, with a program in its place where no engine runs."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from smp.errors import SetupError
from smp.local.sandbox.base import Job
from smp.local.sandbox.choose import choose_sandbox
from smp.local.sandbox.docker import Docker, arguments, find_engine
from smp.local.sandbox.process import Ended, Stop, run_job

FAKE = """#!{python}
import os, signal, sys, time
with open({calls!r}, 'a') as file:
    print(*sys.argv[1:], file=file)
if sys.argv[1] == 'info':
    sys.exit({info})
if sys.argv[1] == 'run' and 'wait' in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: (print('told to stop', flush=True), sys.exit(143)))
    time.sleep(60)
if sys.argv[1] == 'run':
    print('ran', flush=True)
    sys.exit(5)
"""


def job(opt_ml: Path, *command: str, image_entrypoint: bool = False, network: bool = False) -> Job:
    return Job(
        command=command,
        environment={"A": "b c"},
        opt_ml=opt_ml,
        python=Path("/venv/bin"),
        network=network,
        image="registry/image:1",
        uses_image_entrypoint=image_entrypoint,
    )


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `docker` on the path, alone there, that writes down how it is called."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(FAKE.format(python=sys.executable, calls=str(tmp_path / "calls"), info=0))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def calls(tmp_path: Path) -> list[str]:
    return (tmp_path / "calls").read_text().splitlines()


def run(tmp_path: Path, sandbox: Docker, one: Job, stop: Stop, seconds: float = 30) -> Ended:
    return run_job(
        sandbox,
        one,
        tmp_path / "log.txt",
        max_seconds=seconds,
        grace_seconds=20,
        stop=stop,
        on_line=lambda _: None,
    )


def test_the_command_of_a_step_with_an_entry_point(tmp_path: Path) -> None:
    found = arguments(job(tmp_path, "python3", "/opt/ml/code/a.py", "--x"), "smp-1")

    assert shlex.join(found) == (
        "--rm --name smp-1 --hostname algo-1 --workdir /opt/ml --network none --shm-size 1g "
        f"--volume {tmp_path.resolve()}:/opt/ml --env 'A=b c' "
        "--entrypoint python3 registry/image:1 /opt/ml/code/a.py --x"
    )


def test_the_command_of_a_step_that_runs_what_its_image_brings(tmp_path: Path) -> None:
    found = arguments(job(tmp_path, "train", image_entrypoint=True, network=True), "smp-1")

    assert "--entrypoint" not in found
    assert found[found.index("--network") + 1] == "bridge"
    assert found[-2:] == ["registry/image:1", "train"]


def test_a_container_runs_and_is_removed(tmp_path: Path, engine: Path) -> None:
    sandbox = find_engine()

    ended = run(tmp_path, sandbox, job(tmp_path, "python3"), Stop())

    assert sandbox.executable == engine
    assert ended == Ended(5)
    assert (tmp_path / "log.txt").read_text() == "ran\n"
    _, started, removed = calls(tmp_path)
    name = started.split()[started.split().index("--name") + 1]
    assert removed == f"rm --force {name}"


def test_a_container_that_runs_too_long_is_told_to_stop(tmp_path: Path, engine: Path) -> None:
    ended = run(tmp_path, Docker(engine), job(tmp_path, "wait"), Stop(), seconds=1)

    assert ended == Ended(143, timed_out=True)
    assert (tmp_path / "log.txt").read_text() == "told to stop\n"
    assert calls(tmp_path)[-1].startswith("rm --force smp-")


def test_a_container_is_removed_when_the_runner_is_killed(tmp_path: Path, engine: Path) -> None:
    runner = os.fork()
    if runner == 0:
        try:
            run(tmp_path, Docker(engine), job(tmp_path, "wait"), Stop())
        finally:
            os._exit(0)
    _wait_for(tmp_path, "run ")
    os.kill(runner, 9)
    os.waitpid(runner, 0)

    _wait_for(tmp_path, "rm --force smp-")


def _wait_for(tmp_path: Path, call: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if (tmp_path / "calls").exists() and any(c.startswith(call) for c in calls(tmp_path)):
            return
        time.sleep(0.05)
    raise AssertionError(f"no call of {call}")


def test_fails_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SetupError) as caught:
        choose_sandbox("docker")
    assert str(caught.value).splitlines()[::2] == [
        "sandbox docker: docker: it is not installed",
        "sandbox docker: podman: it is not installed",
    ]
    assert "leave out --sandbox" in str(caught.value)


def test_fails_where_the_engine_does_not_answer(tmp_path: Path, engine: Path) -> None:
    engine.write_text(FAKE.format(python=sys.executable, calls=str(tmp_path / "calls"), info=1))

    with pytest.raises(SetupError, match=r"docker: `.*docker info` ended with 1"):
        choose_sandbox("docker")


def test_fails_a_step_without_an_image(tmp_path: Path) -> None:
    bare = Job(command=("a",), environment={}, opt_ml=tmp_path, python=tmp_path)

    with pytest.raises(SetupError, match="without an image"):
        Docker(Path("docker")).start(bare)
