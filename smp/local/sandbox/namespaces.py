"""Runs jobs in Linux namespaces without any program but this Python's.

It needs no privilege if the kernel lets users make namespaces.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from smp.local.sandbox.base import Job, Started
from smp.local.sandbox.guarded import INFO_FD, start_with_info
from smp.local.sandbox.private_view import view_of, write_hosts

LAUNCHER = Path(__file__).with_name("launcher.py")


class Namespaces:
    """As bubblewrap shows things to a job; for machines that do not have it."""

    name = "namespaces"
    runs_images = False
    leaks: tuple[str, ...] = ()

    def start(self, job: Job) -> Started:
        """Start a job; the launcher says which process is process 1 of the sandbox."""
        return start_with_info(
            [sys.executable, "-I", "-S", str(LAUNCHER), _spec(job)], job.full_environment()
        )


def _spec(job: Job) -> str:
    return json.dumps(
        {
            "command": job.command,
            "opt_ml": str(job.opt_ml.resolve()),
            **asdict(view_of(job)),
            "hosts": str(write_hosts(job).resolve()),
            "host": job.host,
            "working_directory": job.working_directory,
            "network": job.network,
            "info_fd": INFO_FD,
        }
    )
