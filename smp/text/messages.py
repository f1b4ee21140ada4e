"""How messages write what a configuration holds: values, paths and names, always printable."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

LONGEST = 100
"""Characters of a value that a message repeats."""


def shown(value: Any) -> str:
    """Return a value as a person would recognise it; text in quotes, long values cut."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"a mapping with the keys {listed(value)}" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]!r}… ({len(value)} characters)"
    return repr(value)


def listed(names: Iterable[Any], limit: int = 24) -> str:
    """Return names after each other with commas; the rest is counted."""
    texts = [ascii_if_unprintable(str(name))[:LONGEST] for name in names]
    more = f", … ({len(texts) - limit} more)" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as text: `conf.models.churn.train.channels.train.dataFiles[0]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if part.isprintable() and "." not in part and part else repr(part)
            text += f".{name}" if text else name
    return text


def visible(text: str) -> str:
    """Return text in which nothing hides or changes what a terminal or an editor shows.

    What is not printable is escaped as Python and JSON write it, but line ends and tabs.
    """
    if text.isascii() and all(part.isprintable() for part in text.split("\n")):
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def ascii_if_unprintable(text: str) -> str:
    """Return text that a terminal shows as it is: control characters escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]


def shown_name(path: Path, workspace: Path) -> str:
    """Return how messages name a file: relative to the workspace when inside it."""
    name = (path.relative_to(workspace) if path.is_relative_to(workspace) else path).as_posix()
    return ascii_if_unprintable(name)
