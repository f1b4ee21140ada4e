"""Python source text in the house format of the formatter, from nested values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

WIDTH = 100
INDENT = 4


@dataclass(frozen=True)
class Group:
    """Something in brackets: each item with what stands before it, such as `key=`."""

    opening: str
    items: tuple[tuple[str, Node], ...]
    closing: str


Node = str | Group
"""Source that stays on its line, or something in brackets that may be spread over several."""


def call(function: str, *values: Node, **named: Node) -> Group:
    """Return a call."""
    items = [("", value) for value in values] + [(f"{key}=", item) for key, item in named.items()]
    return Group(f"{function}(", tuple(items), ")")


def mapping(items: Mapping[str, Node]) -> Group:
    """Return a dict, by the keys' texts."""
    return Group("{", tuple((f"{literal(key)}: ", item) for key, item in items.items()), "}")


def sequence(items: Iterable[Node]) -> Group:
    """Return a list."""
    return Group("[", tuple(("", item) for item in items), "]")


def literal(value: str | int | float | bool | None) -> str:
    """Return a constant; texts in the quotes that need fewer escapes."""
    if not isinstance(value, str):
        return repr(value)
    inner = repr(f'{value}"')[1:-2].replace("\\'", "'")  # a text with " in it: only ' is escaped
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + inner.replace(quote, f"\\{quote}") + quote


def one_line(node: Node) -> str:
    """Return source on one line."""
    if isinstance(node, str):
        return node
    inner = ", ".join(f"{prefix}{one_line(item)}" for prefix, item in node.items)
    return f"{node.opening}{inner}{node.closing}"


def lines(node: Node, prefix: str = "", suffix: str = "", indent: int = 0) -> Iterator[str]:
    """Yield the lines of `prefix node suffix`, one where it fits, else one for each item."""
    margin = " " * indent
    whole = f"{margin}{prefix}{one_line(node)}{suffix}"
    if isinstance(node, str) or not node.items or len(whole) <= WIDTH:
        yield whole
        return
    yield f"{margin}{prefix}{node.opening}"
    for item_prefix, item in node.items:
        yield from lines(item, item_prefix, ",", indent + INDENT)
    yield f"{margin}{node.closing}{suffix}"


class Names:
    """Names for Python's use, each given once.

    All begin with `prefix`. A file that names nothing else in this way can be given any text: no keyword,
    builtin or import begins so.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._taken: set[str] = set()

    def take(self, text: str) -> str:
        """Return a name in small letters that looks like the text."""
        words = re.sub("(?<=[a-z])(?=[A-Z])", "_", text)
        wanted = self._prefix + (re.sub("[^a-z0-9]+", "_", words.lower()).strip("_") or "x")
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name
