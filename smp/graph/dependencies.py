"""Reads the lines of `dependencies` and finds cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise


def read_line(line: str) -> list[str]:
    """Split `a >> b >> c` into names, blanks around `>>` or none; an empty name stays, to be reported."""
    return [part.strip() for part in line.split(">>")]


def links(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each (before, after) pair of a line."""
    yield from pairwise(names)


def find_cycle(upstream: Mapping[str, Sequence[str]]) -> list[str] | None:
    """Return one cycle as the steps in order of execution, the first repeated at the end, or None."""
    state: dict[str, str] = {}
    for start in upstream:
        trail: list[tuple[str, Iterator[str]]] = [(start, iter(upstream[start]))]
        while trail and state.get(start) != "done":
            name, rest = trail[-1]
            state[name] = "open"
            following = next((other for other in rest if other in upstream), None)
            if following is None:
                state[name] = "done"
                trail.pop()
            elif state.get(following) == "open":
                path = [step for step, _ in trail]
                return [following, *reversed(path[path.index(following) :])]
            elif state.get(following) != "done":
                trail.append((following, iter(upstream[following])))
    return None
