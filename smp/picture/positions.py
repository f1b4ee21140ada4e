"""Gives the nodes of ordered rows their horizontal positions, long edges straight.

The method of Brandes and Köpf (2002): four extreme alignments of nodes with their median
neighbours, then the average of the two middle positions. Last, whole straight runs move closer to
what they are linked with.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from smp.picture.rows import Neighbours, Rows

TIGHTEN_SWEEPS = 40

Conflicts = frozenset[tuple[int, int]]


def place_in_rows(
    rows: Rows, above: Neighbours, below: Neighbours, widths: Sequence[float], gap: float
) -> list[float]:
    """Return each node's centre. A node without width is a bend of an edge."""
    conflicts = _conflicts(rows, below, widths)
    candidates = []
    for neighbours, turned in ((above, rows), (below, rows[::-1])):
        for mirrored in (False, True):
            view = [row[::-1] if mirrored else row for row in turned]
            roots = _align(view, neighbours, conflicts)
            xs = _compact(view, roots, widths, gap)
            candidates.append([-x for x in xs] if mirrored else xs)
    links = [above[node] + below[node] for node in range(len(widths))]
    return _tighten(_balance(candidates, widths), rows, links, widths, gap)


def separate(wanted: Sequence[float], distances: Sequence[float]) -> list[float]:
    """Move positions as little as possible (least squares) until neighbours keep their distance.

    Taking out the room that everything to the left needs turns this into isotonic regression, which
    pooling adjacent violators solves.
    """
    offsets = [0.0]
    for distance in distances:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, int]] = []
    for x, offset in zip(wanted, offsets, strict=True):
        mean, size = x - offset, 1
        while pools and pools[-1][0] > mean:
            other, other_size = pools.pop()
            mean = (mean * size + other * other_size) / (size + other_size)
            size += other_size
        pools.append((mean, size))
    means = [mean for mean, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _conflicts(rows: Rows, below: Neighbours, widths: Sequence[float]) -> Conflicts:
    """Return the segments that cross a long edge's inner segment, which goes first."""
    found = set()
    for upper, lower in pairwise(rows):
        position = {node: index for index, node in enumerate(lower)}
        segments = [
            (index, position[target], node, target)
            for index, node in enumerate(upper)
            for target in below[node]
        ]
        inner = [s for s in segments if not widths[s[2]] and not widths[s[3]]]
        for start, end, source, target in segments:
            if widths[source] or widths[target]:
                crossed = any((start - a) * (end - b) < 0 for a, b, _, _ in inner)
                found |= {(source, target), (target, source)} if crossed else set()
    return frozenset(found)


def _align(rows: Rows, neighbours: Neighbours, conflicts: Conflicts) -> list[int]:
    """Return the root of each node's block: the nodes that will share one vertical line."""
    roots = list(range(len(neighbours)))
    for fixed, row in pairwise(rows):
        position = {node: index for index, node in enumerate(fixed)}
        last = -1
        for node in row:
            near = sorted(neighbours[node], key=lambda n: position[n])
            middle = len(near) // 2
            for neighbour in near[middle - 1 + len(near) % 2 : middle + 1]:
                free = roots[node] == node and (node, neighbour) not in conflicts
                if free and position[neighbour] > last:
                    roots[node] = roots[neighbour]
                    last = position[neighbour]
    return roots


def _compact(rows: Rows, roots: Sequence[int], widths: Sequence[float], gap: float) -> list[float]:
    """Push the blocks as far left as their neighbours allow, then close gaps to the right."""
    room: dict[tuple[int, int], float] = {}
    for row in rows:
        for left, right in pairwise(row):
            pair = (roots[left], roots[right])
            needed = (widths[left] + widths[right]) / 2 + gap
            room[pair] = max(room.get(pair, 0.0), needed)
    before: dict[int, list[int]] = {root: [] for root in sorted(set(roots))}
    after: dict[int, list[int]] = {root: [] for root in before}
    for left, right in room:
        before[right].append(left)
        after[left].append(right)
    ordered = _left_to_right(before, after)
    xs = dict.fromkeys(before, 0.0)
    for root in ordered:
        xs[root] = max((xs[left] + room[left, root] for left in before[root]), default=0.0)
    for root in reversed(ordered):
        limit = min((xs[right] - room[root, right] for right in after[root]), default=xs[root])
        xs[root] = max(xs[root], limit)
    return [xs[root] for root in roots]


def _left_to_right(before: dict[int, list[int]], after: dict[int, list[int]]) -> list[int]:
    missing = {root: len(lefts) for root, lefts in before.items()}
    ordered = [root for root, count in missing.items() if count == 0]
    for root in ordered:
        for right in after[root]:
            missing[right] -= 1
            if missing[right] == 0:
                ordered.append(right)
    return ordered


def _balance(candidates: Sequence[Sequence[float]], widths: Sequence[float]) -> list[float]:
    """Lay the candidates over the narrowest; take the mean of each node's two middle positions."""

    def extent(xs: Sequence[float]) -> tuple[float, float]:
        return (
            min((x - width / 2 for x, width in zip(xs, widths, strict=True)), default=0.0),
            max((x + width / 2 for x, width in zip(xs, widths, strict=True)), default=0.0),
        )

    extents = [extent(xs) for xs in candidates]
    left, right = min(extents, key=lambda ends: ends[1] - ends[0])
    shifts = [
        right - ends[1] if index % 2 else left - ends[0] for index, ends in enumerate(extents)
    ]
    positions = []
    for node in range(len(widths)):
        four = sorted(xs[node] + shift for xs, shift in zip(candidates, shifts, strict=True))
        positions.append((four[1] + four[2]) / 2)
    return positions


def _tighten(
    start: Sequence[float], rows: Rows, links: Neighbours, widths: Sequence[float], gap: float
) -> list[float]:
    """Move each straight run to the median of what it is linked with, as far as there is room."""
    xs = list(start)
    beside = _beside(rows)
    for sweep in range(TIGHTEN_SWEEPS):
        runs = _straight_runs(xs, links)
        runs.sort(key=lambda run: (xs[run[0]], run), reverse=sweep % 2 == 1)
        moved = False
        for run in runs:
            low, high = _room(run, xs, beside, widths, gap)
            members = set(run)
            linked = sorted(xs[n] for node in run for n in links[node] if n not in members)
            here = xs[run[0]]
            wanted = _median(linked, here) if linked else low
            x = here if wanted == float("-inf") else min(max(wanted, low), high)
            moved = moved or abs(x - here) > 0.5
            for node in run:
                xs[node] = x
        if not moved:
            break
    return xs


def _beside(rows: Rows) -> dict[int, tuple[int | None, int | None]]:
    """Map each node to its left and its right neighbour in its row."""
    return {
        node: (left, right)
        for row in rows
        for left, node, right in zip([None, *row[:-1]], row, [*row[1:], None], strict=True)
    }


def _straight_runs(xs: Sequence[float], links: Neighbours) -> list[list[int]]:
    """Return the sets of nodes that hang together by vertical lines."""
    seen: set[int] = set()
    runs = []
    for first in range(len(xs)):
        if first in seen:
            continue
        seen.add(first)
        run = [first]
        for node in run:
            for other in links[node]:
                if other not in seen and abs(xs[other] - xs[node]) < 0.5:
                    seen.add(other)
                    run.append(other)
        runs.append(run)
    return runs


def _room(
    run: Sequence[int],
    xs: Sequence[float],
    beside: dict[int, tuple[int | None, int | None]],
    widths: Sequence[float],
    gap: float,
) -> tuple[float, float]:
    """Return how far left and right a run can move without touching its neighbours."""
    low, high = float("-inf"), float("inf")
    for node in run:
        left, right = beside[node]
        if left is not None:
            low = max(low, xs[left] + (widths[left] + widths[node]) / 2 + gap)
        if right is not None:
            high = min(high, xs[right] - (widths[right] + widths[node]) / 2 - gap)
    return low, high


def _median(ordered: Sequence[float], here: float) -> float:
    """Return the middle value, or between the two middle ones the point nearest to `here`."""
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return min(max(here, low), high)
