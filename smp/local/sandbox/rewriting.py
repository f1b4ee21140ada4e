"""Runs jobs without any help of the kernel: the path /opt/ml is replaced by the job's directory.

The last resort, for machines on which nothing else works: it does not isolate a job.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from smp.errors import Problem, SetupError
from smp.local.sandbox.base import Job, Started
from smp.local.sandbox.guarded import start_guarded

OPT_ML = "/opt/ml"
PATTERN = re.compile(rb"(?<![\w.-])/opt/ml(?![\w-]|\.\w)")
MAX_TEXT_BYTES = 1_000_000
"""What is larger is data, which nobody writes a container's paths into."""
UNSAFE = re.compile(r"[^\w./@%+=:,-]")


class Rewriting:
    """Keeps nothing apart but the files that a job finds by the path /opt/ml."""

    name = "rewriting"
    runs_images = False
    leaks: tuple[str, ...] = (
        "the network is open to it",
        "it can write wherever you can, and read all that you can",
        "a path that is not written out as /opt/ml… in its command, variables or files is not found",
        "its host name is this machine's, and two jobs cannot use the same port at once",
    )

    def start(self, job: Job) -> Started:
        """Start a job; raises SetupError where the work directory's path would break scripts."""
        place = str(job.opt_ml.resolve())
        if UNSAFE.search(place):
            raise SetupError(
                [
                    Problem(
                        "without namespaces the workspace's path must be of letters, digits and ./_-",
                        found=place,
                        hint="move the workspace",
                    )
                ]
            )
        for file in _texts(job.opt_ml):
            _rewrite(file, place)
        scratch = job.opt_ml.parent / "tmp"
        scratch.mkdir(exist_ok=True)
        own = {"HOME": str(scratch), "TMPDIR": str(scratch)}
        variables = {k: replaced(v, place) for k, v in job.full_environment().items()}
        return start_guarded(
            [replaced(text, place) for text in job.command],
            {**variables, **{k: v for k, v in own.items() if k not in job.environment}},
            directory=Path(replaced(job.working_directory, place)),
        )


def replaced(text: str, place: str) -> str:
    """Return a text with the path /opt/ml replaced, but not the beginning of another name."""
    encoded = text.encode("utf-8", "surrogateescape")
    return PATTERN.sub(lambda _: place.encode(), encoded).decode("utf-8", "surrogateescape")


def _texts(directory: Path) -> Iterator[Path]:
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_TEXT_BYTES:
            yield path


def _rewrite(file: Path, place: str) -> None:
    content = file.read_bytes()
    if b"\0" not in content and PATTERN.search(content):
        file.write_bytes(PATTERN.sub(lambda _: place.encode(), content))
