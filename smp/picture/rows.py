"""Assigns the nodes of a directed acyclic graph to rows and orders them inside each row.

The first two phases of the layered method of Sugiyama, Tagawa and Toda (1981): rows by longest
path, order by barycentres and neighbour swaps.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from itertools import pairwise

from smp.definition.order import topological

ORDER_SWEEPS = 24

Rows = list[list[int]]
Neighbours = list[list[int]]


def neighbours_of(count: int, edges: Iterable[tuple[int, int]]) -> tuple[Neighbours, Neighbours]:
    sources: Neighbours = [[] for _ in range(count)]
    targets: Neighbours = [[] for _ in range(count)]
    for source, target in edges:
        sources[target].append(source)
        targets[source].append(target)
    return sources, targets


def rank(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Give each node a row below all its sources, and pull sources down to where they are used."""
    sources, targets = neighbours_of(count, edges)
    ranks = [0] * count
    ordered = topological(dict(enumerate(sources)))
    for node in ordered:
        ranks[node] = max((ranks[source] + 1 for source in sources[node]), default=0)
    for node in reversed(ordered):
        if len(targets[node]) > len(sources[node]):
            ranks[node] = min(ranks[target] for target in targets[node]) - 1
    return ranks


def crossings(upper: Sequence[int], lower: Sequence[int], below: Neighbours) -> int:
    """Count the crossings of the edges between two neighbouring rows."""
    position = {node: index for index, node in enumerate(lower)}
    seen: list[int] = []
    total = 0
    for node in upper:
        ends = sorted(position[target] for target in below[node])
        total += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return total


def order_rows(rows: Rows, above: Neighbours, below: Neighbours) -> Rows:
    """Return the rows ordered so that few edges cross."""

    def total(candidate: Rows) -> int:
        return sum(crossings(upper, lower, below) for upper, lower in pairwise(candidate))

    best, fewest = rows, total(rows)
    current = rows
    for sweep in range(ORDER_SWEEPS):
        if fewest == 0:
            break
        current = _sweep(current, above, below, downward=sweep % 2 == 0)
        count = total(current)
        if count < fewest:
            best, fewest = current, count
    return best


def _sweep(rows: Rows, above: Neighbours, below: Neighbours, *, downward: bool) -> Rows:
    """Order each row by the mean position of its neighbours in the row before, then swap pairs."""
    result = [list(row) for row in rows]
    neighbours = above if downward else below
    numbers = range(1, len(rows)) if downward else range(len(rows) - 2, -1, -1)
    for number in numbers:
        fixed = result[number - 1 if downward else number + 1]
        position = {node: float(index) for index, node in enumerate(fixed)}
        row = result[number]
        keys = {
            node: _mean([position[n] for n in neighbours[node]], float(index))
            for index, node in enumerate(row)
        }
        row.sort(key=lambda node: keys[node])
        _swap_neighbours(row, neighbours, position)
    return result


def _swap_neighbours(row: list[int], neighbours: Neighbours, position: dict[int, float]) -> None:
    """Swap adjacent nodes while that removes crossings with the fixed row."""
    improved = True
    while improved:
        improved = False
        for index in range(len(row) - 1):
            left = [position[n] for n in neighbours[row[index]]]
            right = [position[n] for n in neighbours[row[index + 1]]]
            if sum(a > b for a in left for b in right) > sum(b > a for a in left for b in right):
                row[index], row[index + 1] = row[index + 1], row[index]
                improved = True


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default
