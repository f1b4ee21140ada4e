"""Builds the Python environment that a model's scripts run in, once for each set of requirements.

It is the only part of the local run that may use the network: to install packages.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from smp.errors import Problem, SetupError
from smp.local.sandbox.guarded import start_guarded

REQUIREMENTS_FILE = "requirements-local.txt"


class Environments:
    """The environments of a workspace, each `<root>/<hash>` with a marker once it is complete."""

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self.root = root
        self._say = say

    def bin_of(self, requirements: Path | None) -> Path:
        """Return the `bin` directory for a requirements file, building its environment if need be.

        Without a file it is that of this interpreter. Raises SetupError with uv's last lines.
        """
        if requirements is None or not requirements.is_file():
            import sysconfig  # takes long, for what few runs need

            return Path(sysconfig.get_path("scripts"))
        directory = self._directory(requirements)
        with self._only_one(directory.name):
            if not _is_complete(directory):
                self._build(directory, requirements)
        return directory / "bin"

    def has(self, requirements: Path) -> bool:
        """Whether the environment of a requirements file is built."""
        return _is_complete(self._directory(requirements))

    def _directory(self, requirements: Path) -> Path:
        text = requirements.read_text(encoding="utf-8")
        return self.root / hashlib.sha256(f"{sys.version}\n{text}".encode()).hexdigest()[:16]

    @contextmanager
    def _only_one(self, digest: str) -> Iterator[None]:
        """Let one process at a time build an environment."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f".{digest}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _build(self, directory: Path, requirements: Path) -> None:
        self._say(f"installing {requirements} once; later runs use it again")
        shutil.rmtree(directory, ignore_errors=True)
        venv = [sys.executable, "-P", "-m", "venv", "--without-pip", str(directory)]
        self._run(venv, os.environ, requirements)
        _copy_pip(directory)
        from smp.local.jobs.pip_settings import install_command, read_pip_settings

        settings = read_pip_settings(os.environ)
        environ = settings.variables({"UV_CACHE_DIR": str(self._cache()), **os.environ})
        install = install_command(directory / "bin" / "python", settings)
        restricted = (*settings.restrictions(), "--requirements", str(requirements))
        self._run([*install, *restricted], environ, requirements)
        (directory / "complete").touch()

    def _cache(self) -> Path:
        """Return where uv keeps packages: with those that `make setup` installed, in a checkout."""
        of_checkout = self.root.parent.parent / ".cache" / "uv"
        return of_checkout if of_checkout.is_dir() else self.root / ".uv"

    @staticmethod
    def _run(command: list[str], environ: Mapping[str, str], requirements: Path) -> None:
        started = start_guarded(command, environ)
        try:
            said = started.process.output.read().decode("utf-8", "replace")
            code = started.process.wait()
        finally:
            started.cleanup()
        if code != 0:
            last = "\n".join(said.strip().splitlines()[-5:])
            raise SetupError(
                [Problem(f"the packages of {requirements} cannot be installed", found=last)]
            )


def _copy_pip(environment: Path) -> None:
    """Give an environment the pip of this one: jobs whose scripts have a requirements.txt run it.

    It needs no network, and it is the locked version.
    """
    from importlib.metadata import distribution

    (packages,) = environment.glob("lib/python*/site-packages")
    pip = distribution("pip")
    for name in {Path(file).parts[0] for file in pip.files or () if Path(file).parts[0] != ".."}:
        shutil.copytree(Path(str(pip.locate_file(name))), packages / name)


def _is_complete(directory: Path) -> bool:
    return (directory / "complete").exists()
