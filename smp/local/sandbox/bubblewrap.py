"""Runs jobs under bubblewrap: own file system view, processes, host name and network.

It needs no privilege: bubblewrap makes a user namespace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from smp.local.sandbox.base import Job, Started
from smp.local.sandbox.guarded import INFO_FD, start_with_info
from smp.local.sandbox.private_view import view_of, write_hosts

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
        """Start a job; bubblewrap says which process is process 1 of the sandbox."""
        return start_with_info(
            [str(self.executable), "--info-fd", str(INFO_FD), *arguments(job), *job.command],
            job.full_environment(),
        )


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
    view = view_of(job)
    for path in view.covered:
        files += ["--tmpfs", path]
    for link, target in view.links:
        files += ["--symlink", target, link]
    files += _pairs("--ro-bind", view.shown)
    empty = job.opt_ml.parent / "empty"
    empty.touch()
    for path in view.private:
        files += ["--tmpfs", path] if Path(path).is_dir() else ["--ro-bind", str(empty), path]
    for path in view.covered:
        files += ["--remount-ro", path]
    files += ["--bind", str(job.opt_ml), "/opt/ml", "--remount-ro", "/opt"]
    files += ["--ro-bind", str(hosts), "/etc/hosts"]
    return [*shared, *files, "--chdir", job.working_directory, "--"]


def _entries(directory: Path) -> Iterator[Path]:
    if directory.is_dir():
        yield from sorted(path for path in directory.iterdir() if path.name != "ml")


def _pairs(option: str, paths: Iterable[Path | str]) -> list[str]:
    return [text for path in paths for text in (option, str(path), str(path))]
