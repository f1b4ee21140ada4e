"""What differs in the code of two pipelines: trees by origin, files in them, lines in those."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline, Json
from smp.definition.differences import own_settings, trees_by_origin
from smp.review.diff.changes import CodeChange, FileChange, Kind

MAX_TEXT_BYTES = 5_000_000
"""Of a larger file only the size is reported: nobody reads it line by line."""

LINE = re.compile(r"[^\n]*\n|[^\n]+")

Place = tuple[CodeFile, Path]
"""A file and the path of its content."""

_Tree = tuple[CodeTree, Path]


def code_changes(
    before: CompiledPipeline | None, after: CompiledPipeline | None
) -> tuple[CodeChange, ...]:
    """Return each origin whose content differs between two pipelines, what the jobs read first."""
    then, now = _shipped(before), _shipped(after)
    origins = dict.fromkeys((*then, *now))
    changes = [_change(origin, then.get(origin, []), now.get(origin, [])) for origin in origins]
    uses = [_users(before), _users(after)]
    return tuple(
        sorted(
            (_with_users(change, uses) for change in changes if change.before != change.after),
            key=lambda change: (not change.used_by, change.origin),
        )
    )


def _shipped(pipeline: CompiledPipeline | None) -> dict[str, list[_Tree]]:
    if pipeline is None:
        return {}
    found = trees_by_origin(pipeline.local_code())
    return {
        origin: [(tree, pipeline.code_store) for tree in trees] for origin, trees in found.items()
    }


def trees_of(step: Json, pipeline: CompiledPipeline) -> dict[str, tuple[str, ...]]:
    """Return the hashes of the code that a step refers to, by origin."""
    text = json.dumps(own_settings(step))
    used = [tree for tree in pipeline.code if tree.sha256 in text]
    return {
        origin: tuple(sorted(tree.sha256 for tree in trees))
        for origin, trees in trees_by_origin(used).items()
    }


def _users(pipeline: CompiledPipeline | None) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for step in pipeline.steps() if pipeline else ():
        assert pipeline is not None
        for hashes in trees_of(step, pipeline).values():
            for sha256 in hashes:
                users.setdefault(sha256, []).append(step["Name"])
    return users


def _with_users(change: CodeChange, uses: Sequence[Mapping[str, list[str]]]) -> CodeChange:
    steps = [
        step
        for hashes, users in zip((change.after, change.before), uses[::-1], strict=True)
        for sha256 in hashes
        for step in users.get(sha256, [])
    ]
    return CodeChange(
        change.origin, change.before, change.after, change.files, tuple(dict.fromkeys(steps))
    )


def _change(origin: str, before: Sequence[_Tree], after: Sequence[_Tree]) -> CodeChange:
    hashes = [tuple(sorted({tree.sha256 for tree, _ in trees})) for trees in (before, after)]
    files = _file_changes(_files(before), _files(after)) if hashes[0] != hashes[1] else ()
    return CodeChange(origin, hashes[0], hashes[1], tuple(files), ())


def _files(trees: Sequence[_Tree]) -> dict[str, Place]:
    """Return files by path; if an origin has several trees, by tree and path."""
    found: dict[str, Place] = {}
    for tree, store in trees:
        for file in tree.files:
            name = file.path if len(trees) == 1 else f"{tree.sha256[:8]}/{file.path}"
            found[name] = (file, store / tree.sha256 / file.path)
    return found


def _file_changes(before: Mapping[str, Place], after: Mapping[str, Place]) -> Iterator[FileChange]:
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old is None or new is None or old[0] != new[0]:
            yield _file_change(path, old, new)


def _file_change(path: str, old: Place | None, new: Place | None) -> FileChange:
    kind = Kind.ADDED if old is None else Kind.REMOVED if new is None else Kind.CHANGED
    texts = [_lines(place) if place else [] for place in (old, new)]
    sizes = [place[0].size if place else None for place in (old, new)]
    added, removed, note = None, None, None
    if texts[0] is not None and texts[1] is not None:
        added, removed = changed_lines(texts[0], texts[1])
    elif not all(place is None or place[1].is_file() for place in (old, new)):
        note = "content not at hand"
    else:
        note = "binary"
    if old and new and old[0].is_template != new[0].is_template:
        note = "now holds deploy-time names" if new[0].is_template else "no deploy-time names now"
    return FileChange(path, kind, added, removed, sizes[0], sizes[1], note)


def _lines(place: Place) -> list[str] | None:
    """Return the lines of a text file with their ends, None for any other."""
    file, path = place
    if file.size > MAX_TEXT_BYTES:
        return None
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else LINE.findall(text)


MAX_EDITS = 1000
"""With more differing lines than this (that both sides have elsewhere), moved lines count as kept."""


def changed_lines(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Return how many lines were added and removed.

    Lines that only one side has are added or removed in any case. What is left is compared by Myers'
    greedy algorithm: "An O(ND) difference algorithm and its variations", 1986.
    """
    in_both = set(before) & set(after)
    old = [line for line in before if line in in_both]
    new = [line for line in after if line in in_both]
    edits = _edits(old, new)
    removed = (edits + len(old) - len(new)) // 2
    added = edits - removed
    return added + len(after) - len(new), removed + len(before) - len(old)


def _edits(before: Sequence[str], after: Sequence[str]) -> int:
    """Return the length of the shortest script of single insertions and deletions."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    old, new = before[start:], after[start:]
    reach = {1: 0}
    for edits in range(min(len(old) + len(new), MAX_EDITS) + 1):
        for diagonal in range(-edits, edits + 1, 2):
            left, right = reach.get(diagonal - 1, -1), reach.get(diagonal + 1, -1)
            down = diagonal == -edits or (diagonal != edits and left < right)
            x = right if down else left + 1
            while x < len(old) and x - diagonal < len(new) and old[x] == new[x - diagonal]:
                x += 1
            reach[diagonal] = x
            if x >= len(old) and x - diagonal >= len(new):
                return edits
    counts = Counter(old), Counter(new)
    return (counts[0] - counts[1]).total() + (counts[1] - counts[0]).total()
