"""Places the boxes of a directed acyclic graph in rows and routes its edges between them.

Same input, same numbers. It knows nothing of what the boxes mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from smp.picture.positions import place_in_rows, separate
from smp.picture.rows import Rows, neighbours_of, order_rows, rank

ROW_GAP = 46.0
BOX_GAP = 28.0
PORT_GAP = 18.0
PORT_REACH = 30.0
"""How far from the middle of its side an edge may leave a box to run straight down."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes and, per edge, its points: two per row, straight inside a row."""

    centres: tuple[Point, ...]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


def lay_out(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out boxes of the given (width, height); an edge is a pair of their numbers.

    If edges form a cycle, as those of two graphs in one can, some run upward.
    """
    upward = _closing_edges(len(sizes), edges)
    downward = [(b, a) if n in upward else (a, b) for n, (a, b) in enumerate(edges)]
    ranks = rank(len(sizes), downward)
    chains = _Chains(ranks, downward)
    rows = order_rows(_first_rows(chains), chains.above, chains.below)
    widths = [*(width for width, _ in sizes), *([0.0] * (chains.count - len(sizes)))]
    xs = place_in_rows(rows, chains.above, chains.below, widths, BOX_GAP)
    left = min((x - width / 2 for x, width in zip(xs, widths, strict=True)), default=0.0)
    xs = [x - left for x in xs]
    heights = [max(sizes[n][1] for n in row if n < len(sizes)) for row in rows]
    tops = [sum(heights[:row]) + ROW_GAP * row for row in range(len(rows))]
    return Layout(
        centres=tuple((xs[n], tops[ranks[n]] + heights[ranks[n]] / 2) for n in range(len(sizes))),
        routes=tuple(
            route[::-1] if number in upward else route
            for number, route in enumerate(_route(chains, xs, sizes, tops, heights))
        ),
        width=max((x + width / 2 for x, width in zip(xs, widths, strict=True)), default=0.0),
        height=tops[-1] + heights[-1] if rows else 0.0,
    )


def _closing_edges(count: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    """Return the numbers of edges without which there is no circle, found depth first."""
    leaving: list[list[int]] = [[] for _ in range(count)]
    for number, (source, _) in enumerate(edges):
        leaving[source].append(number)
    closing: set[int] = set()
    done = [False] * count
    for start in range(count):
        on_path: set[int] = set()
        stack = [] if done[start] else [(start, iter(leaving[start]))]
        while stack:
            node, rest = stack[-1]
            on_path.add(node)
            following = next(rest, None)
            if following is None:
                stack.pop()
                on_path.discard(node)
                done[node] = True
            elif edges[following][1] in on_path:
                closing.add(following)
            elif not done[edges[following][1]]:
                stack.append((edges[following][1], iter(leaving[edges[following][1]])))
    return closing


class _Chains:
    """The graph with a bend node in every row that an edge passes; boxes keep their numbers."""

    def __init__(self, ranks: Sequence[int], edges: Sequence[tuple[int, int]]) -> None:
        self.ranks = list(ranks)
        self.paths: list[list[int]] = []
        links: list[tuple[int, int]] = []
        for source, target in edges:
            path = [source]
            for row in range(ranks[source] + 1, ranks[target]):
                path.append(len(self.ranks))
                self.ranks.append(row)
            path.append(target)
            self.paths.append(path)
            links += pairwise(path)
        self.count = len(self.ranks)
        self.above, self.below = neighbours_of(self.count, links)


def _first_rows(chains: _Chains) -> Rows:
    """Fill the rows depth first, so that what hangs together starts out together."""
    rows: Rows = [[] for _ in range(max(chains.ranks, default=-1) + 1)]
    seen: set[int] = set()
    stack = [node for node in range(chains.count - 1, -1, -1) if not chains.above[node]]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            rows[chains.ranks[node]].append(node)
            stack += reversed(chains.below[node])
    return rows


def _route(
    chains: _Chains,
    xs: Sequence[float],
    sizes: Sequence[Point],
    tops: Sequence[float],
    heights: Sequence[float],
) -> tuple[tuple[Point, ...], ...]:
    paths = chains.paths
    leave = _ports([(path[0], xs[path[1]]) for path in paths], xs, sizes)
    before = [leave[n] if len(path) == 2 else xs[path[-2]] for n, path in enumerate(paths)]
    enter = _ports([(path[-1], x) for path, x in zip(paths, before, strict=True)], xs, sizes)
    routes = []
    for number, path in enumerate(paths):
        row, box_height = chains.ranks[path[0]], sizes[path[0]][1]
        points = [(leave[number], tops[row] + (heights[row] + box_height) / 2)]
        for bend in path[1:-1]:
            row = chains.ranks[bend]
            points += [(xs[bend], tops[row]), (xs[bend], tops[row] + heights[row])]
        row, box_height = chains.ranks[path[-1]], sizes[path[-1]][1]
        points.append((enter[number], tops[row] + (heights[row] - box_height) / 2))
        routes.append(tuple(points))
    return tuple(routes)


def _ports(
    ends: Sequence[tuple[int, float]], xs: Sequence[float], sizes: Sequence[Point]
) -> list[float]:
    """Return where on its box's side each edge ends, given the box and where it comes from."""
    by_box: dict[int, list[int]] = {}
    for number, (box, _) in enumerate(ends):
        by_box.setdefault(box, []).append(number)
    ports = [0.0] * len(ends)
    for box, numbers in by_box.items():
        numbers.sort(key=lambda number: ends[number][1])
        gap = min(PORT_GAP, sizes[box][0] * 0.7 / len(numbers))
        wanted = [min(max(ends[n][1] - xs[box], -PORT_REACH), PORT_REACH) for n in numbers]
        places = separate(wanted, [gap] * (len(numbers) - 1))
        for number, place in zip(numbers, places, strict=True):
            ports[number] = xs[box] + place
    return ports
