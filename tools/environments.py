"""Environments beside `.venv`, one for each lock file in `requirements/`.

They hold the Airflow versions in which tests run exported DAGs, and the generator of the site.

Nothing is resolved: every package comes from the lock file, with its hash.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENTS = ROOT / ".cache" / "environments"
PIP_CACHE = ROOT / ".cache" / "pip"
AIRFLOW = ("airflow-2", "airflow-3", "airflow-mwaa")
DOCS = "docs"
NAMES = (*AIRFLOW, DOCS)
"""The lock files `requirements/<name>.lock`; each `.in` file explains what it is for."""

_COMPLETE = "complete"
_LINES_SHOWN_ON_FAILURE = 30
_SHOWN_EVERY = 40


def lock_file(name: str) -> Path:
    """Return the lock file of an environment."""
    return ROOT / "requirements" / f"{name}.lock"


def environment(name: str) -> Path:
    """Return the directory of an environment, installed or not: its name is a hash of the lock file."""
    text = lock_file(name).read_text(encoding="utf-8")
    return ENVIRONMENTS / hashlib.sha256(f"{sys.version}\n{text}".encode()).hexdigest()[:16]


def is_installed(name: str) -> bool:
    """Whether an environment was installed to the end."""
    return (environment(name) / _COMPLETE).exists()


def install_missing(names: Iterable[str]) -> int:
    """Install these environments and remove those of earlier lock files; returns pip's exit status."""
    wanted = {environment(name) for name in NAMES}
    for old in ENVIRONMENTS.glob("*"):
        if old not in wanted:
            shutil.rmtree(old, ignore_errors=True)
    for name in names:
        status = 0 if is_installed(name) else _install(name)
        if status:
            return status
    return 0


def _install(name: str) -> int:
    """Make one environment; shows the end of pip's output where it failed."""
    began = time.monotonic()
    directory = environment(name)
    lines = lock_file(name).read_text(encoding="utf-8").splitlines()
    total = sum(line[:1].isalnum() for line in lines)
    print(f"==> {name}: installing {total} packages into .cache, once", flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    venv = [sys.executable, "-m", "venv", "--without-pip", str(directory)]
    status, said = _run(venv, total)
    if status == 0:
        status, said = _run(_pip_install(directory, lock_file(name)), total)
    if status:
        print("\n".join(said[-_LINES_SHOWN_ON_FAILURE:]), file=sys.stderr)
        return status
    (directory / _COMPLETE).touch()
    print(f"    installed in {time.monotonic() - began:.0f} s", flush=True)
    return 0


def _pip_install(directory: Path, lock: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pip", "--python", str(directory / "bin" / "python"), "install"),
        *("--disable-pip-version-check", "--no-input", "--cache-dir", str(PIP_CACHE)),
        *("--progress-bar", "off", "--no-compile", "--no-deps", "--require-hashes"),
        *("--requirement", str(lock)),
    ]


def _run(command: list[str], total: int) -> tuple[int, list[str]]:
    """Run a command and show how far it is; returns its exit status and what it said."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        lines = list(_followed(process, total))
    return process.returncode, lines


def _followed(process: subprocess.Popen[str], total: int) -> Iterator[str]:
    collected = 0
    for line in process.stdout or ():
        if line.startswith("Collecting "):
            collected += 1
            if collected % _SHOWN_EVERY == 0:
                print(f"    {collected} of about {total}", flush=True)
        yield line.rstrip()


if __name__ == "__main__":
    sys.exit(install_missing(sys.argv[1:] or NAMES))
