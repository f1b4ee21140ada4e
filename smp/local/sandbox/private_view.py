"""What every sandbox with a file system view of its own hides and shows, and its hosts file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
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


def shown_paths(job: Job) -> list[Path]:
    """Return what the job's Python consists of where an empty `/tmp` would hide it, outermost first.

    That is the environment and the Python that it was made from, by the names that they have and by
    where links lead, and the directories that its `.pth` files name. The last is the environment itself.
    """
    return [*_below_tmp(job.python.parent), job.python.parent]


@lru_cache(maxsize=64)
def _below_tmp(environment: Path) -> tuple[Path, ...]:
    """Return what `/tmp` has of an environment, which stays as it is once it is built."""
    named = {*_bases(environment), *_added_paths(environment)}
    both = {path for one in named for path in (one, one.resolve())} | {environment.resolve()}
    hidden = (path for path in both if path.is_relative_to("/tmp") and path.is_dir())
    return tuple(sorted(hidden, key=lambda path: len(path.parts)))


def _bases(environment: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError, RuntimeError):
        yield (environment / "bin" / "python3").resolve(strict=True).parents[1]
    with contextlib.suppress(OSError, UnicodeDecodeError):
        for line in (environment / "pyvenv.cfg").read_text("utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home" and Path(value.strip()).is_absolute():
                yield Path(value.strip()).parent


def _added_paths(environment: Path) -> Iterator[Path]:
    for file in environment.glob("lib/python*/site-packages/*.pth"):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in file.read_text("utf-8").splitlines():
                if line.startswith("/") and "\0" not in line:
                    yield Path(line.rstrip())


def write_hosts(job: Job) -> Path:
    """Write the job's `/etc/hosts` beside its `/opt/ml`: a toolkit that cannot resolve `algo-1` waits."""
    hosts = job.opt_ml.parent / "hosts"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *job.hosts)))
    return hosts
