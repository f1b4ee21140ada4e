"""Removes old runs, and code trees that nothing left refers to.

What is removed leaves its place by one rename first: a kill at any moment leaves whole runs and
trees, and the next call takes away the rest. It never deletes an object, so a registered model's
artifact stays.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smp.errors import RunError
from smp.local.engine.run import only_one
from smp.local.store.places import Places
from smp.local.store.run_store import Run, RunStore

RECENT_SECONDS = 3600
"""A code tree younger than this may be of a compilation that has not written its result yet."""
ADDRESS = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
REFERS_TO_NOTHING = ("cache", "code", "envs", "hashes", "removed", "runs", "s3", "staged")
"""Directories whose files keep no code tree: runs are looked at one by one."""


@dataclass(frozen=True)
class Pruned:
    """What was removed: ids of runs and addresses of code trees. `going_on` are runs left for that."""

    runs: tuple[str, ...]
    code: tuple[str, ...]
    going_on: tuple[str, ...]
    bytes_freed: int


def prune(places: Places, keep: int, *, dry_run: bool = False) -> Pruned:
    """Keep the newest runs of each pipeline, and those that are still going; say what went.

    With `dry_run` nothing is removed.
    """
    removed = places.root / "removed"
    freed = 0 if dry_run else _empty(removed)
    runs, going_on = [], []
    for run in _old_runs(RunStore(places.runs), keep):
        try:
            freed += _remove_run(run, removed, dry_run)
            runs.append(run.id)
        except RunError:
            going_on.append(run.id)
    gone = frozenset(runs)
    kept = [run for run in RunStore(places.runs).all() if run.id not in gone]
    trees = list(_unused_trees(places, kept))
    freed += sum(_remove(tree, removed, dry_run) for tree in trees)
    _empty(removed)
    code = tuple(tree.name for tree in trees if ADDRESS.fullmatch(tree.name.encode()))
    return Pruned(tuple(runs), code, tuple(going_on), freed)


def _old_runs(store: RunStore, keep: int) -> Iterator[Run]:
    seen: Counter[str] = Counter()
    for run in store.all():
        pipeline = run.record().pipeline
        seen[pipeline] += 1
        if seen[pipeline] > keep:
            yield run


def _remove_run(run: Run, removed: Path, dry_run: bool) -> int:
    """Remove a run and return its size; raises RunError where it is still going."""
    with only_one(run):
        return _remove(run.directory, removed, dry_run)


def _unused_trees(places: Places, kept: list[Run]) -> Iterator[Path]:
    """Yield what of the code store nothing names, and what a killed compilation left there."""
    if not places.code.is_dir():
        return
    trees = [path for path in places.code.iterdir() if _is_old(path)]
    used = {name for file in _referring(places, kept) for name in ADDRESS.findall(_read(file))}
    yield from (tree for tree in sorted(trees) if tree.name.encode() not in used)


def _referring(places: Places, kept: list[Run]) -> Iterator[Path]:
    for run in kept:
        yield run.directory / "compiled.json"
        yield from run.directory.glob("steps/*/step.json")
    for directory in places.root.iterdir():
        if directory.name not in REFERS_TO_NOTHING:
            yield from directory.rglob("*.json")


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > RECENT_SECONDS
    except FileNotFoundError:
        return False


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _remove(directory: Path, removed: Path, dry_run: bool) -> int:
    """Take a directory out of its place and return its size; `_empty` takes it away."""
    size = _size(directory)
    if not dry_run:
        removed.mkdir(exist_ok=True)
        directory.rename(removed / f"{directory.name}-{secrets.token_hex(4)}")
    return size


def _empty(removed: Path) -> int:
    """Take away what was removed and return its size."""
    if not removed.is_dir():
        return 0
    size = _size(removed)
    shutil.rmtree(removed, ignore_errors=True)
    return size


def _size(directory: Path) -> int:
    files = (Path(root) / name for root, _, names in os.walk(directory) for name in names)
    return sum(file.lstat().st_size for file in files)
