"""Reads a git repository's objects: commits, the files in them, their contents as they are stored.

Nothing of a repository is run: no hook, no filter, no checkout.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smp.errors import Problem, SetupError, near_names

GIT = (
    "git",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "protocol.allow=never",
)
"""Git as it is called: it starts no program that a repository's settings name, and fetches nothing."""

OF_ONE_REPOSITORY = frozenset(
    {
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"),
    }
)
"""Variables that a git hook sets and that would make every directory look like one repository."""

MAX_BYTES = 512 * 1024 * 1024
"""What is read of one ref: more is not a collection of configs and scripts."""


@dataclass(frozen=True)
class Repository:
    """A git repository. `prefix` is where below its top the directory is that was asked for."""

    top: Path
    prefix: str

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes | None:
        """Return what a git command writes, None where it fails."""
        done = _git(self.top, *arguments, stdin=stdin)
        return done.stdout if done.returncode == 0 else None

    def commit(self, ref: str) -> str:
        """Return the hash of the commit that a ref names; raises SetupError with near names."""
        found = self.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"
        )
        if found is not None:
            return found.decode().strip()
        listed = self.run("for-each-ref", "--format=%(refname:short)") or b""
        known = ["HEAD", *listed.decode(errors="replace").split()]
        shallow = (self.run("rev-parse", "--is-shallow-repository") or b"").strip() == b"true"
        hint = "the clone is shallow: fetch more of its history" if shallow else None
        raise SetupError(
            [
                Problem(
                    f"there is no commit '{ref}' in {self.top}",
                    allowed="a branch, tag or commit, or a directory with an assembly (cdk.out)",
                    hint=near_names(ref, known) or hint,
                )
            ]
        )


def find_repository(directory: Path) -> Repository | None:
    """Return the repository that a directory is in, None where it is in none."""
    done = _git(directory, "rev-parse", "--show-toplevel", "--show-prefix")
    if done.returncode == 0:
        top, prefix = os.fsdecode(done.stdout).split("\n")[:2]
        return Repository(Path(top), prefix)
    message = done.stderr.decode(errors="replace").strip()
    if "not a git repository" in message:
        return None
    hint = "see safe.directory in git's own help" if "dubious ownership" in message else None
    raise SetupError(
        [Problem(f"git cannot read {directory}", found=message.split("\n")[0], hint=hint)]
    )


def read_entries(repository: Repository, commit: str, path: str) -> Iterator[tuple[str, str, str]]:
    """Yield mode, object and path of every file below a path."""
    where = ["--", path] if path else []
    listed = repository.run("ls-tree", "-r", "-z", "--full-tree", commit, *where) or b""
    for line in listed.split(b"\0")[:-1]:
        head, _, name = line.partition(b"\t")
        mode, _, sha = head.decode().split(" ")
        yield mode, sha, os.fsdecode(name)


def read_contents(repository: Repository, objects: Sequence[str]) -> dict[str, bytes]:
    """Return the objects' contents, as they are stored."""
    wanted = "".join(f"{sha}\n" for sha in dict.fromkeys(objects)).encode()
    sizes = repository.run("cat-file", "--batch-check=%(objectsize)", stdin=wanted) or b""
    if sum(int(size) for size in sizes.split() if size.isdigit()) > MAX_BYTES:
        raise SetupError(
            f"the files in {repository.top} are too large to compare: over {MAX_BYTES >> 20} MiB"
        )
    data = repository.run("cat-file", "--batch", stdin=wanted) or b""
    contents, position = {}, 0
    while position < len(data):
        end = data.index(b"\n", position)
        sha, kind, *size = data[position:end].decode().split(" ")
        if kind != "blob":
            raise SetupError(f"{repository.top} lacks the object {sha}: the clone is not complete")
        position = end + 1 + int(size[0])
        contents[sha] = data[end + 1 : position]
        position += 1
    return contents


def _git(
    directory: Path, *arguments: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    environment = {k: v for k, v in os.environ.items() if k not in OF_ONE_REPOSITORY}
    environment |= {
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
    try:
        return subprocess.run(
            [*GIT, "-C", str(directory), *arguments],
            input=stdin,
            env=environment,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise SetupError("git is not installed: a ref cannot be read without it") from error
