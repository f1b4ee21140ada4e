"""The part of JSONPath that batch transform takes in InputFilter and OutputFilter.

`$`, `.name`, `['name','other']`, `[0]`, `[0,-1]`, `[1:]`, `[0,5:]` and `*`. Source: "Supported
JSONPath Operators" in the developer guide.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

_WILDCARD = re.compile(r"\.\*|\.?\[\s*\*\s*\]")
_NAME = re.compile(r"\.([^.\[\]*'\",:\s]+)")
_BRACKETS = re.compile(r"\.?\[((?:'[^']*'|\"[^\"]*\"|[^\[\]'\"])+)\]")
_ITEM = re.compile(
    r"\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\""
    r"|(?P<start>-?\d+)?\s*:\s*(?P<end>-?\d+)?|(?P<index>-?\d+))\s*(?:,|$)"
)


@dataclass(frozen=True)
class Names:
    """Members of an object: one gives its value, several an object of them."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Indexes:
    """Items of an array: one index gives the item, else an array; a pair is a slice's two ends."""

    items: tuple[int | tuple[int | None, int | None], ...]


@dataclass(frozen=True)
class Every:
    """Each item of an array, or each value of an object."""


if TYPE_CHECKING:
    Selection = tuple[Names | Indexes | Every, ...]


def parse_selection(path: str) -> Selection:
    """Read an expression; raises ValueError naming the character that cannot be read."""
    if not path.startswith("$"):
        raise ValueError(f"{path!r} must begin with $")
    parts: list[Names | Indexes | Every] = []
    position = 1
    while position < len(path):
        if match := _WILDCARD.match(path, position):
            parts.append(Every())
        elif match := _NAME.match(path, position):
            parts.append(Names((match[1],)))
        elif match := _BRACKETS.match(path, position):
            parts.append(_bracketed(match[1], path, match.start(1)))
        else:
            raise _unreadable(path, position)
        position = match.end()
    return tuple(parts)


def select(value: Any, selection: Selection) -> Any:
    """Return the part of a JSON value that is selected; raises LookupError where it is not there."""
    if not selection:
        return value
    part, rest = selection[0], selection[1:]
    if isinstance(part, Names):
        return _members(value, part.names, rest)
    if isinstance(part, Every):
        items = value.values() if isinstance(value, dict) else _array(value, "*")
        return [select(item, rest) for item in items]
    found = [select(item, rest) for item in _items(_array(value, "an index"), part)]
    single = len(part.items) == 1 and isinstance(part.items[0], int)
    return found[0] if single else found


def _bracketed(text: str, path: str, offset: int) -> Names | Indexes:
    names: list[str] = []
    items: list[int | tuple[int | None, int | None]] = []
    position = 0
    while position < len(text):
        match = _ITEM.match(text, position)
        if match is None or (match[0].endswith(",") and match.end() == len(text)):
            raise _unreadable(path, offset + position)
        name = match["single"] if match["single"] is not None else match["double"]
        if name is not None:
            names.append(name)
        elif match["index"] is not None:
            items.append(int(match["index"]))
        else:
            items.append((_number(match["start"]), _number(match["end"])))
        position = match.end()
    if names and items:
        raise ValueError(f"{path!r} mixes names and numbers in one bracket")
    return Names(tuple(names)) if names else Indexes(tuple(items))


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def _members(value: Any, names: tuple[str, ...], rest: Selection) -> Any:
    if not isinstance(value, dict):
        raise LookupError(f"{names[0]!r} is selected from {_kind(value)}")
    missing = [name for name in names if name not in value]
    if missing:
        raise LookupError(f"there is no {missing[0]!r}; there is: {', '.join(map(str, value))}")
    if len(names) == 1:
        return select(value[names[0]], rest)
    return {name: select(value[name], rest) for name in names}


def _items(values: list[Any], part: Indexes) -> Iterator[Any]:
    for item in part.items:
        if isinstance(item, int):
            yield values[_within(item, len(values))]
            continue
        start, end = item
        first = 0 if start is None else _within(start, len(values))
        if end is not None and end > len(values):
            _within(end, len(values))
        yield from values[first:end]


def _within(index: int, length: int) -> int:
    if not -length <= index < length:
        raise LookupError(f"index {index} is outside the record, which has {length} values")
    return index


def _array(value: Any, selected: str) -> list[Any]:
    if not isinstance(value, list):
        raise LookupError(f"{selected} is selected from {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    return "an array" if isinstance(value, list) else f"the value {value!r}"


def _unreadable(path: str, position: int) -> ValueError:
    return ValueError(
        f"{path!r} cannot be read at character {position + 1}; "
        "allowed: $, .name, ['a','b'], [0], [0,-1], [1:], *"
    )
