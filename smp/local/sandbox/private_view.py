"""What every sandbox with a file system view of its own hides, and the hosts file that it shows.

It never mounts anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smp.local.sandbox.base import Job

HIDDEN_IN_HOME = (
    ".aws",
    ".azure",
    ".config",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".huggingface",
    ".kube",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".ssh",
)
"""Where the user's credentials lie; a job has no business reading them."""


def hidden_paths() -> Iterator[Path]:
    """Yield each directory or file of the user's that a job must not read."""
    for name in HIDDEN_IN_HOME:
        path = Path.home() / name
        if path.exists():
            yield path.resolve()


def write_hosts(job: Job) -> Path:
    """Write the job's `/etc/hosts` beside its `/opt/ml`: a toolkit that cannot resolve `algo-1` waits."""
    hosts = job.opt_ml.parent / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *job.hosts)))
    return hosts
