"""The model configs as they are at a git ref, read from the repository's objects.

Nothing of a repository is run: no hook, no filter, no checkout.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from smp.config.read.files import find_files, model_directory
from smp.errors import ConfigError, Problem, SetupError
from smp.review.states.git_objects import Repository, find_repository, read_contents, read_entries

REGULAR = frozenset({"100644", "100755"})
LINK, REPOSITORY = "120000", "160000"


@dataclass(frozen=True)
class Extracted:
    """A directory that looks as the workspace looked at a ref, as far as configs go."""

    directory: Path
    is_empty: bool


@dataclass(frozen=True)
class GitRef:
    """A ref of a workspace: of its repository, and of models that have their own repository."""

    name: str
    workspace: Path
    repository: Repository | None
    commit: str

    @property
    def label(self) -> str:
        """The ref as a reader knows it: `HEAD (0e8526f)`."""
        if not self.commit or self.commit.startswith(self.name):
            return self.name[:12] if self.commit else self.name
        return f"{self.name} ({self.commit[:7]})"

    @contextmanager
    def extracted(self, pattern: str) -> Iterator[Extracted]:
        """Write the files that configs may be or name below a separate directory."""
        base = _base(self.workspace, pattern)
        with tempfile.TemporaryDirectory(prefix="smp-ref-") as root:
            directory = Path(root)
            own = own_repositories(self.workspace, pattern, self.repository)
            if self.repository is not None:
                skipped = [path.as_posix() for path in own]
                _write(self.repository, self.commit, base, directory, skipped)
            for path, repository in own.items():
                commit = self._commit_of(path, repository)
                _write(repository, commit, "", directory / path, ())
            yield Extracted(directory, _is_empty(directory, pattern))

    def _commit_of(self, path: Path, repository: Repository) -> str:
        """Return a submodule's commit as the workspace's repository records it, else the ref's own."""
        if self.repository is not None:
            place = f"{self.repository.prefix}{path.as_posix()}"
            listed = self.repository.run("ls-tree", "-z", self.commit, "--", place) or b""
            mode, _, rest = listed.decode(errors="replace").partition(" ")
            recorded = rest.split("\t")[0].split(" ")[-1]
            if mode == REPOSITORY and repository.run("cat-file", "-e", recorded) is not None:
                return recorded
        return repository.commit(self.name)


def find_ref(workspace: Path, ref: str) -> GitRef:
    """Return a ref of a workspace; raises SetupError where it is none."""
    workspace = workspace.resolve()
    repository = find_repository(workspace)
    return GitRef(ref, workspace, repository, repository.commit(ref) if repository else "")


def own_repositories(
    workspace: Path, pattern: str, outer: Repository | None
) -> dict[Path, Repository]:
    """Return the model directories that belong to another repository than the workspace, by path."""
    found: dict[Path, Repository] = {}
    for path in _candidates(workspace, pattern):
        repository = find_repository(workspace / path)
        if repository is not None and (outer is None or repository.top != outer.top):
            found[path] = repository
    if not found and outer is None:
        raise SetupError(
            [
                Problem(
                    f"{workspace} is not a git repository, and none of its model directories is one",
                    hint="name an assembly (cdk.out) with --base instead",
                )
            ]
        )
    return found


def _candidates(workspace: Path, pattern: str) -> list[Path]:
    """Return the directories of models that may be repositories: they hold `.git`, or are links."""
    try:
        files = find_files(workspace, pattern)
    except ConfigError:
        return []
    directories = dict.fromkeys(
        model_directory(file, workspace, files.base) for file in files.files
    )
    return [
        path.relative_to(workspace)
        for path in directories
        if path != workspace and path.is_relative_to(workspace)
        if (path / ".git").exists()
        or path.resolve() != workspace.resolve() / path.relative_to(workspace)
    ]


def _base(workspace: Path, pattern: str) -> str:
    """Return the directory of the workspace that holds all that a pattern can match."""
    parts = []
    for part in PurePosixPath(pattern).parts[:-1]:
        if any(character in part for character in "*?["):
            break
        parts.append(part)
    if PurePosixPath(pattern).is_absolute() or ".." in parts:
        raise SetupError(
            f"the pattern {pattern!r} leads out of {workspace}: a git ref has only what is inside"
        )
    return "/".join(parts)


def _is_empty(directory: Path, pattern: str) -> bool:
    try:
        return not find_files(directory, pattern).files
    except ConfigError:
        return True


def _write(
    repository: Repository, commit: str, below: str, target: Path, skipped: Sequence[str]
) -> None:
    """Write a commit's files below a directory: links last, so that nothing is written through one."""
    prefix = repository.prefix
    entries = [
        (mode, sha, path.removeprefix(prefix))
        for mode, sha, path in read_entries(repository, commit, f"{prefix}{below}")
        if path.startswith(prefix)
    ]
    kept = [entry for entry in entries if _is_safe(entry[2]) and not _is_in(entry[2], skipped)]
    contents = read_contents(repository, [sha for mode, sha, _ in kept if mode in REGULAR | {LINK}])
    for wanted in (REGULAR, {LINK}):
        for mode, sha, path in kept:
            if mode in wanted:
                _place(target / path, contents[sha], mode)


def _place(path: Path, data: bytes, mode: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == LINK:
        path.symlink_to(os.fsdecode(data))
    else:
        path.write_bytes(data)


def _is_safe(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and not {"..", ".git"} & set(parts)


def _is_in(path: str, directories: Sequence[str]) -> bool:
    return any(path == directory or path.startswith(f"{directory}/") for directory in directories)
