"""Turns the text of a YAML file into plain data and the place where each value was written.

It never constructs anything but text, numbers, booleans, null, lists and mappings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.config.read.yaml_nodes import MAX_DEPTH, Node, read_nodes
from smp.errors import ConfigError, Location, Problem
from smp.text.messages import dotted, shown

MAX_VALUES = 100_000
"""Values of one file once its aliases are expanded; a YAML bomb has billions."""

Path_ = tuple[str | int, ...]

MERGE = "<<"
NULLS = frozenset({"", "~", "null", "Null", "NULL"})
BOOLEANS = {
    text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")
}
NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]{0,99})")
HEXADECIMAL = re.compile(r"[-+]?0x[0-9a-fA-F]{1,99}")
FLOAT = re.compile(
    r"[-+]?([0-9][0-9_]{0,99}\.[0-9_]{0,99}|\.[0-9][0-9_]{0,99})([eE][-+][0-9]{1,3})?"
)


@dataclass(frozen=True)
class Document:
    """What one file says. Paths start at the file's root.

    `positions` holds a scalar's own place and, for a mapping or list, the place of its key; `keys`
    holds the place of every key.
    """

    file: str
    data: Any
    positions: Mapping[Path_, Location]
    keys: Mapping[Path_, Location]
    origins: Mapping[Path_, Path_] = field(default_factory=dict)
    """For each path that an environment's section set: the path where that is written."""

    def written(self, path: Path_) -> Path_:
        """Return the path at which a path of `data` stands in the file."""
        for size in range(len(path), 0, -1):
            origin = self.origins.get(path[:size])
            if origin is not None:
                return (*origin, *path[size:])
        return path

    def name_of(self, path: Path_) -> str:
        """Return how messages name a path of `data`: as it is in the file."""
        return dotted(self.written(path))

    def locate(self, path: Path_) -> Location:
        """Return where a path was written, or the nearest path above it that was."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, Location(self.file, 1, 1))


def read_document(text: str, file: str) -> Document:
    """Parse one YAML document. Raises ConfigError with each fault that leaves it readable."""
    root = read_nodes(text, file)
    expansion = _Expansion(file)
    data = expansion.value(root, (), root.place)
    if expansion.problems:
        raise ConfigError(expansion.problems)
    return Document(file, data, expansion.positions, expansion.keys)


def resolve_scalar(text: str) -> Any:
    """Return what a plain scalar means.

    Dates, `yes`, `on`, numbers with a leading zero and numbers in base 60 stay text: YAML 1.1
    would turn an account id or a country code into something else.
    """
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if INTEGER.fullmatch(text):
        return int(text.replace("_", ""))
    if HEXADECIMAL.fullmatch(text):
        return int(text, 16)
    if FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def _not_finite(node: Node) -> Problem:
    return Problem(
        "is no finite number, and not every program takes it as YAML does",
        node.place,
        found=shown(node.text),
        allowed="a finite number, or text in quotes",
        hint=f"the script gets text: write '{node.text.replace('.', '')}' if it takes that",
    )


@dataclass
class _Expansion:
    """Builds the data of a node tree; an alias counts as often as it is used."""

    file: str
    positions: dict[Path_, Location] = field(default_factory=dict)
    keys: dict[Path_, Location] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def value(self, node: Node, path: Path_, place: Location) -> Any:
        """Return the node's data and note where it, and what is below it, was written."""
        self._visit(node, path, len(path))
        if node.kind == "scalar":
            self.positions[path] = node.place
            if node.plain and NOT_FINITE.fullmatch(node.text):
                self.problems.append(_not_finite(node))
            return resolve_scalar(node.text) if node.plain else node.text
        self.positions[path] = place
        if node.kind == "mapping":
            return self._mapping(node, path)
        return [self.value(item, (*path, i), item.place) for i, item in enumerate(node.items)]

    def _mapping(self, node: Node, path: Path_) -> dict[str, Any]:
        data: dict[str, Any] = {}
        sources: list[Node] = []
        for key, child in _pairs(node):
            if key.plain and key.text == MERGE:
                sources.append(child)
                continue
            name = self._key(key, path)
            if name is None:
                continue
            if name in data:
                reason = (
                    f"the key {shown(name)} is given twice: first at {self.keys[(*path, name)]}"
                )
                self.problems.append(Problem(reason, key.place, dotted(path)))
                continue
            self._put(data, name, key, child, path)
        for source in sources:
            self._merge(data, source, path, len(path))
        return data

    def _put(self, data: dict[str, Any], name: str, key: Node, child: Node, path: Path_) -> None:
        below = (*path, name)
        self.keys[below] = key.place
        data[name] = self.value(child, below, key.place)

    def _key(self, key: Node, path: Path_) -> str | None:
        value = resolve_scalar(key.text) if key.plain else key.text
        if key.kind == "scalar" and isinstance(value, str):
            return value
        found = shown(value) if key.kind == "scalar" else f"a {key.kind}"
        hint = f'write it in quotes: "{key.text}"' if key.text else None
        reason = "a key must be text"
        self.problems.append(Problem(reason, key.place, dotted(path), found, None, hint))
        return None

    def _merge(self, data: dict[str, Any], source: Node, path: Path_, depth: int) -> None:
        """Honour `<<: *anchor`: what is merged yields to what stands there already."""
        self._visit(source, path, depth)
        if source.kind == "list":
            for item in source.items:
                self._merge(data, item, path, depth + 1)
            return
        if source.kind == "scalar":
            found = shown(source.text)
            reason = "'<<' merges mappings only"
            self.problems.append(Problem(reason, source.place, dotted(path), found))
            return
        for key, child in _pairs(source):
            if key.plain and key.text == MERGE:
                self._merge(data, child, path, depth + 1)
            elif key.kind == "scalar" and key.text not in data:
                self._put(data, key.text, key, child, path)

    def _visit(self, node: Node, path: Path_, depth: int) -> None:
        self.count += 1
        if depth > MAX_DEPTH:
            reason = f"is nested more than {MAX_DEPTH} levels deep"
        elif self.count > MAX_VALUES:
            reason = f"holds more than {MAX_VALUES:,} values once its aliases are expanded"
        else:
            return
        raise ConfigError([*self.problems, Problem(reason, node.place, dotted(path[:8]))])


def _pairs(mapping: Node) -> Iterator[tuple[Node, Node]]:
    return zip(mapping.items[::2], mapping.items[1::2], strict=True)
