"""Runs jobs in containers of the images that the configuration names, by the docker or podman command.

It never pulls an image that the engine would not pull by itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from pathlib import Path

from smp.errors import Problem, SetupError
from smp.local.sandbox.base import Job, Started
from smp.local.sandbox.guarded import start_guarded

ENGINES = ("docker", "podman")
ANSWER_SECONDS = 20


class Docker:
    """The sandbox that needs an engine, and takes nothing of the machine but `/opt/ml`."""

    name = "docker"
    runs_images = True
    leaks: tuple[str, ...] = ()

    def __init__(self, executable: Path) -> None:
        self.executable = executable

    def start(self, job: Job) -> Started:
        """Start a container; it is removed when the job or this process ends."""
        if job.image is None:
            raise SetupError("a step without an image cannot run with --sandbox docker")
        name = f"smp-{secrets.token_hex(8)}"
        return start_guarded(
            [str(self.executable), "run", *arguments(job, name)],
            dict(os.environ),
            after=[str(self.executable), "rm", "--force", name],
        )


def find_engine() -> Docker:
    """Return the sandbox for the first engine that answers; raises SetupError where none does."""
    problems = []
    for engine in ENGINES:
        found = shutil.which(engine)
        reason = _silence(found) if found else "it is not installed"
        if found and reason is None:
            return Docker(Path(found))
        problems.append(
            Problem(
                f"sandbox docker: {engine}: {reason}",
                hint="start the engine, or leave out --sandbox to run without one",
            )
        )
    raise SetupError(problems)


def arguments(job: Job, name: str) -> list[str]:
    """Return the engine's arguments for a job, from its options to its command."""
    options = ["--rm", "--name", name, "--hostname", job.host, "--workdir", job.working_directory]
    options += ["--network", "bridge" if job.network else "none", "--shm-size", "1g"]
    if job.network:
        options += [f"--add-host={host}:127.0.0.1" for host in job.hosts if host != job.host]
    options += ["--volume", f"{job.opt_ml.resolve()}:/opt/ml"]
    for key, value in job.environment.items():
        options += ["--env", f"{key}={value}"]
    assert job.image is not None
    if job.uses_image_entrypoint:
        return [*options, job.image, *job.command]
    return [*options, "--entrypoint", job.command[0], job.image, *job.command[1:]]


def _silence(executable: str) -> str | None:
    """Return why an engine does not answer, or None if it does."""
    try:
        done = subprocess.run(
            [executable, "info"], capture_output=True, text=True, timeout=ANSWER_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1] if lines else f"`{executable} info` ended with {done.returncode}"
