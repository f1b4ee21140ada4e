"""The one order of what waits for each other: steps of a graph or definition, nodes of a picture."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def topological(waits_for: Mapping[Node, Iterable[Node]]) -> tuple[Node, ...]:
    """Return the keys so that each comes after all it waits for; ties keep the mapping's order.

    Raises `graphlib.CycleError` if nodes wait for each other, and KeyError for one that is not a key.
    """
    nodes = tuple(waits_for)
    place = {node: index for index, node in enumerate(nodes)}
    sorter = TopologicalSorter(waits_for)
    sorter.prepare()
    ready: list[int] = []
    ordered: list[Node] = []
    while sorter.is_active():
        for node in sorter.get_ready():
            heapq.heappush(ready, place[node])
        ordered.append(nodes[heapq.heappop(ready)])
        sorter.done(ordered[-1])
    return tuple(ordered)


def cycle_in(waits_for: Mapping[Node, Iterable[Node]]) -> list[Node] | None:
    """Return nodes that wait for each other, in order, the first repeated at the end; None if none do."""
    try:
        TopologicalSorter(waits_for).prepare()
    except CycleError as error:
        cycle: list[Node] = error.args[1]
        return cycle
    return None
