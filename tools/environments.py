"""Environments in addition to `.venv`, one for each lock file in `requirements/`.

They hold the Airflow versions in which tests run exported DAGs, and the generator of the site.

Nothing is resolved: every package comes from the lock file, with its hash.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from tools.install_packages import install, locked_count
from tools.interpreters import ROOT, found_interpreters

ENVIRONMENTS = ROOT / ".cache" / "environments"
AIRFLOW = ("airflow-2", "airflow-3", "airflow-mwaa")
DOCS = "docs"
NAMES = (*AIRFLOW, DOCS)
"""The lock files `requirements/<name>.lock`; each `.in` file explains what it is for."""

NEWEST = {"airflow-2": (3, 12), "airflow-mwaa": (3, 12)}
"""The newest Python of an environment whose packages do not run under all that the project does."""

_COMPLETE = "complete"


def lock_file(name: str) -> Path:
    """Return the lock file of an environment."""
    return ROOT / "requirements" / f"{name}.lock"


def python_of(name: str) -> Path | None:
    """Return the Python of an environment: this one if its packages run under it; None without any."""
    newest = NEWEST.get(name, sys.version_info[:2])
    if sys.version_info[:2] <= newest:
        return Path(sys.executable)
    return next((each.path for each in found_interpreters() if each.minor <= newest), None)


def environment(name: str) -> Path:
    """Return the directory of an environment, installed or not.

    Its name is a hash of the lock file and the Python.
    """
    text = lock_file(name).read_text(encoding="utf-8")
    python = python_of(name)
    of_python = sys.version if python == Path(sys.executable) else str(python)
    return ENVIRONMENTS / hashlib.sha256(f"{of_python}\n{text}".encode()).hexdigest()[:16]


def is_installed(name: str) -> bool:
    """Whether an environment was installed to the end."""
    return (environment(name) / _COMPLETE).exists()


def install_missing(names: Iterable[str]) -> int:
    """Install these environments and remove those of earlier lock files; returns uv's exit status."""
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
    """Make one environment; shows the end of uv's output where it failed."""
    python = python_of(name)
    if python is None:
        newest = ".".join(map(str, NEWEST[name]))
        print(f"==> {name}: left out, it needs a Python of at most {newest} and found none")
        return 0
    began = time.monotonic()
    directory = environment(name)
    total = locked_count(lock_file(name))
    print(f"==> {name}: installing {total} packages into .cache, once", flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    subprocess.run([python, "-m", "venv", "--without-pip", directory], check=True)
    inside = directory / "bin" / "python"
    if status := install(lock_file(name), inside, write_bytecode=False):
        return status
    (directory / _COMPLETE).touch()
    print(f"    complete, {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(install_missing(sys.argv[1:] or NAMES))
