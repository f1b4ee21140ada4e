"""What a sandbox is given and what it gives back.

It never starts anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Protocol

PASSED_ON = ("OPENBLAS_", "OMP_", "MKL_", "LANG", "LC_", "TZ")
"""Beginnings of the names of the caller's variables that a job gets: numerics and language only."""


@dataclass(frozen=True)
class Job:
    """One container's worth of work.

    `opt_ml` is the directory that the job sees as `/opt/ml`; `python` is the `bin` directory that
    comes first on its PATH; `host` is its name (`algo-1`), which `hosts` must contain.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    opt_ml: Path
    python: Path
    host: str = "algo-1"
    hosts: tuple[str, ...] = ("algo-1",)
    network: bool = False
    working_directory: str = "/opt/ml"
    image: str | None = None
    """Used by the docker sandbox only."""
    uses_image_entrypoint: bool = False
    """The command is given to the entry point of the image; only where `Sandbox.runs_images`."""

    def full_environment(self) -> dict[str, str]:
        """Return the job's whole environment: nothing of the caller's but numerics and language."""
        kept = {k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)}
        return {
            "LANG": "C.UTF-8",
            **kept,
            "HOME": "/tmp",
            "PATH": f"{self.python}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "PIP_NO_INDEX": "" if self.network else "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONUNBUFFERED": "1",
            **self.environment,
        }


@dataclass
class Started:
    """A job that runs.

    `payload` returns the ids of the processes that get SIGTERM on a stop; `kill` ends everything of the
    job at once, and where it is None killing `process` does; `cleanup` follows the job's end.
    """

    process: Popen[bytes]
    payload: Callable[[], list[int]]
    cleanup: Callable[[], None] = field(default=lambda: None)
    kill: Callable[[], None] | None = None


class Sandbox(Protocol):
    """A way to run a job apart from the rest of the machine."""

    name: str
    runs_images: bool
    """Whether a job may have no command but that of its image."""
    leaks: tuple[str, ...]
    """What it does not keep a job from, for the person to read; empty where jobs are kept apart."""

    def start(self, job: Job) -> Started:
        """Start a job with its output, both streams, on one pipe."""


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process; empty once it has ended."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def state_of(pid: int) -> str:
    """Return the letter of a process's state (`S` for one that waits); empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def read_info(read_end: int) -> int | None:
    """Read the process id that a launcher reports; None where it failed before."""
    with os.fdopen(read_end) as info:
        text = info.read()
    return int(json.loads(text)["child-pid"]) if text.strip() else None
