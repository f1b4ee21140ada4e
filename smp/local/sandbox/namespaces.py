"""Runs jobs in Linux namespaces without any program but this Python's.

It never needs a privilege where the kernel lets users make namespaces.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from smp.local.sandbox.base import Job, Started, children_of, read_info
from smp.local.sandbox.private_view import hidden_paths, write_hosts

LAUNCHER = Path(__file__).with_name("launcher.py")


class Namespaces:
    """As bubblewrap shows things to a job; for machines that do not have it."""

    name = "namespaces"
    runs_images = False
    leaks: tuple[str, ...] = ()

    def start(self, job: Job) -> Started:
        """Start a job; killing this process kills everything in the sandbox."""
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(LAUNCHER), _spec(job, write_end)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=job.full_environment(),
                pass_fds=(write_end,),
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        init = read_info(read_end)
        return Started(process, lambda: children_of(init) if init else [])


def _spec(job: Job, info_fd: int) -> str:
    return json.dumps(
        {
            "command": job.command,
            "opt_ml": str(job.opt_ml.resolve()),
            "shown": [str(job.python.parent.resolve())],
            "hidden": [str(path) for path in hidden_paths()],
            "hosts": str(write_hosts(job).resolve()),
            "host": job.host,
            "working_directory": job.working_directory,
            "network": job.network,
            "info_fd": info_fd,
            "parent": os.getpid(),
        }
    )
