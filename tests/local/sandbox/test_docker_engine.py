"""Jobs in containers of a real engine, where one answers: docker or podman, and an image of a shell."""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from smp.errors import SetupError
from smp.local.sandbox.base import Job
from smp.local.sandbox.docker import Docker, find_engine
from smp.local.sandbox.process import Ended, Stop, run_job
from tests.local.pipelines import Workspace, log_of, processing, statuses

PROGRAMS = ("sh", "cat", "sleep", "tr")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sandbox() -> Docker:
    """The engine that a run would find."""
    try:
        return find_engine()
    except SetupError as error:
        pytest.skip(f"no engine answers: {error.problems[0].reason}")


@pytest.fixture(scope="module")
def image(sandbox: Docker) -> Iterator[str]:
    """An image of this machine's shell, so that nothing has to be fetched."""
    name = f"localhost/smp-test-{secrets.token_hex(4)}:1"
    engine = str(sandbox.executable)
    subprocess.run([engine, "import", "-", name], input=_root(), capture_output=True, check=True)
    yield name
    subprocess.run([engine, "rmi", "--force", name], capture_output=True, check=True)


def _root() -> bytes:
    """Pack a root directory with a few programs and the libraries that they need."""
    files: dict[str, str] = {}
    for program in PROGRAMS:
        found = str(shutil.which(program))
        needed = subprocess.run(["ldd", found], capture_output=True, text=True).stdout
        files |= {library.lstrip("/"): library for library in re.findall(r"(/\S+)", needed)}
        files[f"bin/{program}"] = found
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for directory in ("opt/ml", "tmp", "proc", "dev", "sys", "etc"):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name, file in files.items():
            archive.add(os.path.realpath(file), name)
    return packed.getvalue()


def job(opt_ml: Path, image: str, script: str) -> Job:
    opt_ml.mkdir()
    return Job(
        command=("/bin/sh", "-c", script),
        environment={"GREETING": "two words"},
        opt_ml=opt_ml,
        python=Path("/usr/bin"),
        image=image,
    )


def run(sandbox: Docker, one: Job, log: Path, seconds: float = 120) -> Ended:
    return run_job(
        sandbox,
        one,
        log,
        max_seconds=seconds,
        grace_seconds=60,
        stop=Stop(),
        on_line=lambda _: None,
    )


def left(sandbox: Docker) -> list[str]:
    """Return the containers of jobs that there still are."""
    command = [str(sandbox.executable), "ps", "--all", "--format", "{{.Names}}"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if re.fullmatch("smp-[0-9a-f]{16}", name)]


def test_a_job_sees_its_directory_its_variables_and_no_network(
    sandbox: Docker, image: str, tmp_path: Path
) -> None:
    script = (
        "echo $GREETING $(cat /proc/sys/kernel/hostname); cat /opt/ml/in > /opt/ml/out; "
        "cat /proc/net/dev; exit 7"
    )
    one = job(tmp_path / "ml", image, script)
    (one.opt_ml / "in").write_text("data")
    ended = run(sandbox, one, tmp_path / "log")
    log = (tmp_path / "log").read_text()
    assert ended == Ended(7), log
    assert log.startswith("two words algo-1\n")
    assert (one.opt_ml / "out").read_text() == "data"
    assert re.findall(r"^\s*(\w+):", log, re.MULTILINE) in (["lo"], [])
    assert left(sandbox) == []


def test_a_job_past_its_limit_is_told_to_stop_and_its_container_removed(
    sandbox: Docker, image: str, tmp_path: Path
) -> None:
    script = "trap 'echo told to stop; exit 3' TERM; echo began; while :; do sleep 0.1; done"
    ended = run(sandbox, job(tmp_path / "ml", image, script), tmp_path / "log", seconds=10)
    assert (tmp_path / "log").read_text() == "began\ntold to stop\n"
    assert ended == Ended(3, timed_out=True)
    assert left(sandbox) == []


def test_a_step_runs_in_its_image(sandbox: Docker, image: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, sandbox)
    script = (
        "tr a-z A-Z < /opt/ml/processing/input/data/a.txt > /opt/ml/processing/output/out/a.txt"
    )
    one = processing(
        "upper",
        ["/bin/sh", "-c", script],
        inputs={"data": workspace.put("in/a.txt", "quiet")},
        outputs={"out": "s3://smp-local/out"},
    )
    one["Arguments"]["AppSpecification"]["ImageUri"] = image
    found = workspace.run(workspace.pipeline(one))
    assert statuses(found) == {"upper": "Succeeded"}, log_of(found, "upper")
    assert workspace.read("out/a.txt") == "QUIET"
