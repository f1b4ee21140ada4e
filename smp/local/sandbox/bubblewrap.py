"""Runs jobs under bubblewrap: own file system view, processes, host name and network.

It never needs a privilege: bubblewrap makes a user namespace.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from smp.local.sandbox.base import Job, Started, children_of, read_info
from smp.local.sandbox.private_view import hidden_paths, write_hosts

KERNEL_SETTINGS = ("sys", "sysrq-trigger", "irq", "bus")
"""Below /proc, writable for who is root outside, which bubblewrap by itself does not see to."""


class Bubblewrap:
    """The sandbox of choice on Linux."""

    name = "bubblewrap"
    runs_images = False
    leaks: tuple[str, ...] = ()

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
        init = read_info(read_end)
        return Started(process, lambda: children_of(init) if init else [])


def arguments(job: Job) -> list[str]:
    """Return bubblewrap's arguments for a job, up to its command."""
    hosts = write_hosts(job)
    shared = ["--die-with-parent", "--unshare-user-try", "--unshare-pid", "--unshare-ipc"]
    shared += ["--unshare-uts", "--hostname", job.host, "--cap-drop", "ALL"]
    if not job.network:
        shared.append("--unshare-net")
    files = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for name in KERNEL_SETTINGS:
        files += ["--ro-bind-try", f"/proc/{name}", f"/proc/{name}"]
    files += ["--tmpfs", "/opt", *_pairs("--ro-bind", _entries(Path("/opt")))]
    empty = job.opt_ml.parent / "empty"
    empty.touch()
    for path in hidden_paths():
        files += ["--tmpfs", str(path)] if path.is_dir() else ["--ro-bind", str(empty), str(path)]
    files += ["--ro-bind", str(job.python.parent), str(job.python.parent)]
    files += ["--bind", str(job.opt_ml), "/opt/ml", "--remount-ro", "/opt"]
    files += ["--ro-bind", str(hosts), "/etc/hosts"]
    return [*shared, *files, "--chdir", job.working_directory, "--"]


def _entries(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from sorted(path for path in directory.iterdir() if path.name != "ml")


def _pairs(option: str, paths: Iterator[Path]) -> list[str]:
    return [text for path in paths for text in (option, str(path), str(path))]
