"""Runs jobs under bubblewrap: own file system view, processes, host name and network.

It never needs a privilege: bubblewrap makes a user namespace.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from smp.local.sandbox.base import Job, Started, children_of, read_info, state_of
from smp.local.sandbox.private_view import hidden_paths, write_hosts

GATE = ("/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "sh")
"""Lets the command begin once told to, and never if this process is gone by then: bubblewrap itself does
not notice the end of a parent that dies while it starts."""
BOUND_SECONDS = 5.0

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
        gate_read, gate_write = os.pipe()
        command = [str(self.executable), "--info-fd", str(write_end), *arguments(job)]
        try:
            process = subprocess.Popen(
                [*command, *GATE, *job.command],
                stdin=gate_read,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=job.full_environment(),
                pass_fds=(write_end,),
                start_new_session=True,
            )
        except BaseException:
            os.close(read_end)
            os.close(gate_write)
            raise
        finally:
            os.close(write_end)
            os.close(gate_read)
        init = read_info(read_end)
        with os.fdopen(gate_write, "wb", buffering=0) as gate, contextlib.suppress(BrokenPipeError):
            _wait_until_bound(init)
            gate.write(b"\n")
        return Started(process, lambda: children_of(init) if init else [])


def _wait_until_bound(init: int | None) -> None:
    """Wait until process 1 of the sandbox waits for its child: only then has it asked to die with us."""
    deadline = time.monotonic() + BOUND_SECONDS
    while init and time.monotonic() < deadline:
        if children_of(init) and state_of(init) == "S":
            return
        if state_of(init) in ("", "Z"):
            return
        time.sleep(0.0005)


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
