"""Reads the lines of `dependencies`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise


def read_line(line: str) -> list[str]:
    """Split `a >> b >> c` into names, blanks around `>>` or none; an empty name stays, to be reported."""
    return [part.strip() for part in line.split(">>")]


def links(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each (before, after) pair of a line."""
    yield from pairwise(names)
