"""Runs jobs under bubblewrap: own file system view, processes, host name and network.

It never needs a privilege: bubblewrap makes a user namespace.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from smp.local.sandbox.base import Job, Started

HIDDEN_IN_HOME = (".aws", ".ssh", ".config", ".netrc", ".docker", ".git-credentials")


class Bubblewrap:
    """The sandbox of choice on Linux."""

    name = "bubblewrap"

    def __init__(self, executable: Path) -> None:
        self.executable = executable

    def start(self, job: Job) -> Started:
        """Start a job; killing this process kills everything in the sandbox."""
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen(
                [str(self.executable), "--info-fd", str(write_end), *arguments(job), *job.command],
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
        with os.fdopen(read_end) as info:
            text = info.read()
        init = int(json.loads(text)["child-pid"]) if text.strip() else None
        return Started(process, lambda: children_of(init) if init else [])


def arguments(job: Job) -> list[str]:
    """Return bubblewrap's arguments for a job, up to its command."""
    hosts = job.opt_ml.parent / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *job.hosts)))
    shared = ["--die-with-parent", "--unshare-user-try", "--unshare-pid", "--unshare-ipc"]
    shared += ["--unshare-uts", "--hostname", job.host]
    if not job.network:
        shared.append("--unshare-net")
    files = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    files += ["--tmpfs", "/opt", *_pairs("--ro-bind", _entries(Path("/opt")))]
    files += _pairs("--tmpfs", _secrets(), single=True)
    files += ["--ro-bind", str(job.python.parent), str(job.python.parent)]
    files += ["--bind", str(job.opt_ml), "/opt/ml", "--ro-bind", str(hosts), "/etc/hosts"]
    return [*shared, *files, "--chdir", job.working_directory, "--"]


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process; empty once it has ended."""
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _entries(directory: Path) -> Iterator[Path]:
    yield from (
        sorted(path for path in directory.iterdir() if path.name != "ml")
        if (directory.is_dir())
        else ()
    )


def _secrets() -> Iterator[Path]:
    """Yield what a job has no business reading in the user's home."""
    for name in HIDDEN_IN_HOME:
        path = Path.home() / name
        if path.is_dir():
            yield path


def _pairs(option: str, paths: Iterator[Path], *, single: bool = False) -> list[str]:
    found: list[str] = []
    for path in paths:
        found += [option, str(path)] if single else [option, str(path), str(path)]
    return found
