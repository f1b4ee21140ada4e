"""Runs tests under the Pythons of this machine, each with the locked packages in its own environment.

`python -m tools.interpreter_tests` runs the fast tests, a synth and the demo's run under each of them;
with `--ends` a quick selection under the oldest and the newest that is not the one of `.venv`.
The environments are below `.cache/interpreters`; none writes bytecode ahead, which few tests would repay.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.install_packages import LOCK, install, link_node, run_shown
from tools.interpreters import ROOT, SUPPORTED, Interpreter, found_interpreters

ENVIRONMENTS = ROOT / ".cache" / "interpreters"
COMPLETE = "complete"

FAST = ("-m", "not emulator and not slow")
QUICK = ("tests/config", "tests/graph", "tests/compiler", "tests/local/jobs/test_archive.py")
"""What differs most between Pythons: parsing, typing, the SDK and its hashes, archives."""
SYNTH_AND_RUN = (
    "tests/test_app.py::test_templates_are_those_of_the_last_accepted_change",
    "tests/model_configs/test_local_runs.py::test_churn_trains_a_model_that_tells_who_leaves",
)
"""A synth of all that is bundled, and the run of the demo: slow ones, which FAST leaves out."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Test under each chosen interpreter; returns 1 if one of them fails."""
    parser = argparse.ArgumentParser(prog="tools.interpreter_tests")
    parser.add_argument("--ends", action="store_true", help="oldest and newest, a quick selection")
    parser.add_argument("--workers", default="2", help="processes of pytest")
    options = parser.parse_args(arguments)
    found = found_interpreters()
    chosen = ends(found, current()) if options.ends else found
    remove_others(found)
    selection = (*QUICK, *FAST) if options.ends else FAST
    failed = [each for each in chosen if not passes(each, selection, options.workers)]
    for line in summary(found, chosen, failed):
        print(line, flush=True)
    return 1 if failed else 0


def current() -> tuple[int, int, int]:
    """Return the version that runs this, which the whole suite is run with."""
    return sys.version_info[:3]


def ends(found: Sequence[Interpreter], tested: tuple[int, int, int]) -> list[Interpreter]:
    """Return the newest and the oldest interpreter, without the version that is tested anyway."""
    return [each for each in dict.fromkeys((max(found), min(found))) if each.version != tested]


def summary(
    found: Sequence[Interpreter], chosen: Sequence[Interpreter], failed: Sequence[Interpreter]
) -> list[str]:
    """Return a line for what was tested, and one for the versions that this machine lacks."""
    lines = [f"Python {each}: {'failed' if each in failed else 'passed'}" for each in chosen]
    missing = [minor for minor in SUPPORTED if minor not in {each.minor for each in found}]
    if missing:
        names = ", ".join(".".join(map(str, minor)) for minor in missing)
        lines.append(f"not tested, since this machine has none: Python {names}")
    return lines


def passes(interpreter: Interpreter, selection: Sequence[str], workers: str) -> bool:
    """Run the selected tests, then the synth and the run, in the interpreter's environment."""
    began = time.monotonic()
    print(f"==> Python {interpreter} ({interpreter.path})", flush=True)
    directory = environment_of(interpreter)
    if not (directory / COMPLETE).exists() and not make_environment(interpreter, directory):
        return False
    pytest = (directory / "bin" / "python", "-m", "pytest", "-q", "-n", workers)
    grouped = ("--dist", "loadscope")
    passed = all(
        subprocess.run([*pytest, *grouped, *chosen], cwd=ROOT, env=environ(directory)).returncode
        == 0
        for chosen in (selection, SYNTH_AND_RUN)
    )
    print(f"    Python {interpreter}: {time.monotonic() - began:.0f} s", flush=True)
    return passed


def environ(directory: Path) -> dict[str, str]:
    """Return the variables of the tests: the environment's programs first, bytecode as it comes."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PATH": f"{directory / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def environment_of(interpreter: Interpreter) -> Path:
    """Return the directory of an interpreter's environment, by its version, path and lock file."""
    text = f"{interpreter.path}\n{LOCK.read_text(encoding='utf-8')}"
    return ENVIRONMENTS / f"{interpreter}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def remove_others(found: Sequence[Interpreter]) -> None:
    """Remove the environments of earlier lock files and of interpreters that are gone."""
    wanted = {environment_of(each) for each in found}
    for old in ENVIRONMENTS.glob("*"):
        if old not in wanted:
            shutil.rmtree(old, ignore_errors=True)


def make_environment(interpreter: Interpreter, directory: Path) -> bool:
    """Install the locked packages and this project; returns whether that succeeded."""
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([interpreter.path, "-m", "venv", "--without-pip", directory], check=True)
    python = directory / "bin" / "python"
    if install(LOCK, python, write_bytecode=False):
        return False
    link_node(directory)
    project = ("--no-deps", "--no-build-isolation", "--no-index", "--editable", str(ROOT))
    uv = (sys.prefix + "/bin/uv", "pip", "install", "--quiet", "--no-config")
    if run_shown([*uv, "--python", str(python), *project], os.environ):
        return False
    (directory / COMPLETE).touch()
    return True


if __name__ == "__main__":
    sys.exit(main())
