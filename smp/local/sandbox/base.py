"""What a sandbox is given and what it gives back."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

PASSED_ON = frozenset(
    {
        *("LANG", "LANGUAGE", "TZ"),
        *(f"LC_{kind}" for kind in ("ALL", "COLLATE", "CTYPE", "MESSAGES", "NUMERIC", "TIME")),
        *("MKL_DYNAMIC", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
        *("OMP_DYNAMIC", "OMP_MAX_ACTIVE_LEVELS", "OMP_NUM_THREADS", "OMP_PLACES", "OMP_PROC_BIND"),
        *("OMP_SCHEDULE", "OMP_STACKSIZE", "OMP_THREAD_LIMIT", "OMP_WAIT_POLICY"),
    }
)
"""The caller's variables that a job gets, by their whole names: language and threads only."""


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
        kept = {k: v for k, v in os.environ.items() if k in PASSED_ON}
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


class Process(Protocol):
    """A job's process, with all that it starts."""

    output: BinaryIO
    """What it prints, both streams."""

    def poll(self) -> int | None:
        """Return the exit code as a shell gives it; None while it runs."""

    def wait(self) -> int:
        """Wait for the end and return the exit code."""

    def kill(self) -> None:
        """End everything of the job at once."""


@dataclass
class Started:
    """A job that runs.

    `payload` returns the ids of the processes that get SIGTERM on a stop; `cleanup` follows the job's end.
    """

    process: Process
    payload: Callable[[], list[int]]
    cleanup: Callable[[], None] = field(default=lambda: None)


class Sandbox(Protocol):
    """A way to run a job apart from the rest of the machine."""

    name: str
    runs_images: bool
    """Whether a job may have no command but that of its image."""
    leaks: tuple[str, ...]
    """What it does not keep a job from, for the person to read; empty where jobs are kept apart."""

    def start(self, job: Job) -> Started:
        """Start a job with its output, both streams, on one pipe."""
