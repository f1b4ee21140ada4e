"""Workspaces below /tmp, of which a job sees nothing: its Python is there all the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from smp.local.sandbox.base import Sandbox
from tests.local.pipelines import Workspace, log_of, statuses, step_of

SCRIPT = """
import sys, mine, theirs
print(sys.prefix, mine.NAME, theirs.NAME)
"""


@pytest.fixture
def below_tmp() -> Iterator[Path]:
    directory = tempfile.mkdtemp(dir="/tmp", prefix="smp-test-")
    yield Path(directory)
    shutil.rmtree(directory)


@pytest.fixture
def environment(below_tmp: Path) -> Path:
    """An environment with one package inside and one, as an editable install has it, beside it."""
    place = below_tmp / "clone" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "mine.py").write_text("NAME = 'inside'")
    beside = below_tmp / "beside"
    beside.mkdir()
    (beside / "theirs.py").write_text("NAME = 'beside'")
    (packages / "editable.pth").write_text(f"import sys\n{beside}\n")
    return place


def run(root: Path, sandbox: Sandbox, python: Path) -> list[str]:
    """Run a pipeline of two steps at once in a workspace, with the given environment."""
    workspace = Workspace(root, sandbox, python=python / "bin")
    steps = [workspace.processing(name, SCRIPT) for name in "ab"]
    run = workspace.run(workspace.pipeline(*steps))
    assert set(statuses(run).values()) == {"Succeeded"}, log_of(run, "a") + str(step_of(run, "a"))
    return [log_of(run, name).strip() for name in "ab"]


def test_a_pipeline_runs_with_an_environment_below_tmp(
    below_tmp: Path, environment: Path, each_sandbox: Sandbox
) -> None:
    found = run(below_tmp / "clone", each_sandbox, environment)

    assert found == [f"{environment} inside beside"] * 2


def test_a_pipeline_runs_with_an_environment_that_a_link_leads_to(
    below_tmp: Path, environment: Path, each_sandbox: Sandbox
) -> None:
    link = below_tmp / "other" / ".venv"
    link.parent.mkdir()
    link.symlink_to(environment)

    assert run(below_tmp / "other", each_sandbox, link) == [f"{link} inside beside"] * 2


def test_a_pipeline_runs_with_a_python_below_tmp(
    below_tmp: Path, environment: Path, each_sandbox: Sandbox
) -> None:
    base = below_tmp / "python"
    (base / "bin").mkdir(parents=True)
    real = Path(sys.base_prefix)
    shutil.copy(real / "bin" / f"python3.{sys.version_info.minor}", base / "bin" / "python3")
    for name in ("lib",):
        (base / name).symlink_to(real / name)
    python = environment / "bin" / "python3"
    python.unlink()
    python.symlink_to(base / "bin" / "python3")
    config = environment / "pyvenv.cfg"
    config.write_text(config.read_text().replace(str(real / "bin"), str(base / "bin")))

    assert (
        run(below_tmp / "clone", each_sandbox, environment) == [f"{environment} inside beside"] * 2
    )


def test_the_rest_of_tmp_stays_hidden(
    below_tmp: Path, environment: Path, each_sandbox: Sandbox
) -> None:
    if each_sandbox.leaks:
        pytest.skip(f"the sandbox '{each_sandbox.name}' says that it does not isolate")
    (below_tmp / "secret").write_text("hunter2")
    workspace = Workspace(below_tmp / "clone", each_sandbox, python=environment / "bin")
    script = f"""
    import os
    print(sorted(os.listdir({str(below_tmp)!r})))
    for place in ({str(environment)!r}, {str(below_tmp / "beside")!r}):
        try:
            open(place + '/new', 'w')
        except OSError:
            print('read only')
    """
    run = workspace.run(workspace.pipeline(workspace.processing("look", script)))

    assert log_of(run, "look").splitlines() == ["['beside', 'clone']", "read only", "read only"]
