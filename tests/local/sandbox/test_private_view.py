"""What a job sees: the layouts in which Pythons and environments are installed, and the covers."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smp.local.sandbox.base import Sandbox
from smp.local.sandbox.private_view import SYSTEM, covered_directories
from tests.local.pipelines import Workspace, log_of, statuses

LAST = f"python3.{sys.version_info.minor}"


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory that is covered, with a secret in each directory that a Python could be in."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="smp-test-") as name:
        yield Path(name)


def _python(place: Path) -> Path:
    """Install a Python, made of links into this one but for the program itself; return it."""
    real = Path(sys.base_prefix)
    (place / "bin").mkdir(parents=True)
    shutil.copy(real / "bin" / LAST, place / "bin" / LAST)
    (place / "bin" / "python3").symlink_to(LAST)
    (place / "lib").symlink_to(real / "lib")
    return place / "bin" / "python3"


def _environment(place: Path, python: Path) -> Path:
    subprocess.run([python, "-m", "venv", "--without-pip", str(place)], check=True)
    return place


def _plain(home: Path) -> Path:
    return _environment(home / "project" / ".venv", _python(home / ".pyenv" / "versions" / "3"))


def _link_in_local_bin(home: Path) -> Path:
    """As uv does: ~/.local/bin/python3.x -> ~/.local/share/uv/python/cpython-3 -> cpython-3.x.y."""
    installed = home / ".local" / "share" / "uv" / "python"
    _python(installed / "cpython-3.x.y")
    (installed / "cpython-3").symlink_to("cpython-3.x.y")
    (home / ".local" / "bin").mkdir()
    link = home / ".local" / "bin" / "python3"
    link.symlink_to(installed / "cpython-3" / "bin" / LAST)
    return _environment(home / "project" / ".venv", link)


def _linked_home(home: Path) -> Path:
    """The environment is used by a name that leads through a link above it."""
    environment = _plain(home)
    (home / "linked").symlink_to("project")
    return home / "linked" / environment.name


def _homebrew(home: Path) -> Path:
    """A Python whose library is another package's, below the same prefix."""
    python = _python(home / "brew" / "Cellar" / "python" / "3")
    (home / "brew" / "opt" / "openssl").mkdir(parents=True)
    (home / "brew" / "opt" / "openssl" / "needed").write_text("needed")
    return _environment(home / "project" / ".venv", python)


LAYOUTS: dict[str, Callable[[Path], Path]] = {
    "pyenv": _plain,
    "uv": _link_in_local_bin,
    "linked": _linked_home,
    "homebrew": _homebrew,
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_job_starts_with_its_python_and_sees_nothing_else_there(
    layout: str, home: Path, tmp_path: Path, each_sandbox: Sandbox
) -> None:
    environment = LAYOUTS[layout](home)
    secrets = [home, home / ".local", home / ".local" / "share" / "keyrings", home / "project"]
    for place in secrets:
        place.mkdir(parents=True, exist_ok=True)
        (place / "secret").write_text("hunter2")
    script = f"""
    import os, sys, ssl, json
    print(sys.prefix == {str(environment)!r})
    for at, _, files in os.walk({str(home)!r}):
        if 'secret' in files:
            print('seen', at)
        if 'needed' in files:
            print('needed')
    """
    workspace = Workspace(tmp_path / "w", each_sandbox, python=environment / "bin")

    run = workspace.run(workspace.pipeline(workspace.processing("look", script)))

    assert set(statuses(run).values()) == {"Succeeded"}, log_of(run, "look")
    seen = [line for line in log_of(run, "look").splitlines() if not line.startswith("seen")]
    assert seen == (["True", "needed"] if layout == "homebrew" else ["True"])
    if not each_sandbox.leaks:
        assert "seen" not in log_of(run, "look")


def test_what_is_not_of_the_system_is_covered() -> None:
    top = {path.name for path in Path("/").iterdir() if path.is_dir() and not path.is_symlink()}
    covered = {path.removeprefix("/") for path in covered_directories()}

    assert covered == top - SYSTEM - {"dev", "proc", "tmp"}
    assert {"root", "run", "var"} <= covered
