"""How many lines differ between two texts, by the shortest edit script, in bounded time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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
