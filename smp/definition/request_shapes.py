"""Reads the shapes of API requests from the description of a service that botocore brings.

It never imports botocore, which takes as long as all the rest of a small run. Descriptions are large:
what one operation's request consists of can be kept, and is used as long as the description stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from smp.errors import SetupError
from smp.text.atomic_file import write_atomically

DESCRIPTION = "service-2.json*"
DOCUMENTATION = frozenset({"documentation", "documentationUrl"})
REFERENCES = ("member", "key", "value")


@dataclass(frozen=True, slots=True)
class Shape:
    """A shape of a request. `traits` are its constraints, such as `min`, `pattern` or `enum`."""

    traits: Mapping[str, Any]
    _all: Mapping[str, Mapping[str, Any]]

    @property
    def type_name(self) -> str:
        """`structure`, `list`, `map`, or the type of a leaf."""
        name: str = self.traits["type"]
        return name

    @property
    def members(self) -> Mapping[str, Mapping[str, Any]]:
        """The members of a structure, for `of`."""
        found: Mapping[str, Mapping[str, Any]] = self.traits.get("members", {})
        return found

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the members that a structure must have."""
        return tuple(self.traits.get("required", ()))

    def member(self, name: str) -> Shape:
        """Return the shape of a structure's member."""
        return self._of(self.members[name])

    def part(self, name: str) -> Shape:
        """Return the shape of a list's `member`, or of a map's `key` or `value`."""
        return self._of(self.traits[name])

    def _of(self, reference: Mapping[str, Any]) -> Shape:
        return Shape({**self._all[reference["shape"]], **reference}, self._all)


def input_shape(service: str, operation: str, kept_in: Path | None = None) -> Shape:
    """Return the shape of an operation's request; `kept_in` is a directory that keeps it."""
    return _input_shape(service, operation, kept_in)


@lru_cache(maxsize=64)
def _input_shape(service: str, operation: str, kept_in: Path | None) -> Shape:
    description = _description_file(service)
    if kept_in is None:
        return _shape_of(_extract(_read_description(description), operation))
    status = description.stat()
    origin = [str(description), status.st_size, status.st_mtime_ns]
    file = kept_in / f"{service}.{operation}.json"
    try:
        kept = json.loads(file.read_text("utf-8"))
        if kept["origin"] == origin:
            return _shape_of(kept["request"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    request = _extract(_read_description(description), operation)
    write_atomically(file, json.dumps({"origin": origin, "request": request}), durable=False)
    return _shape_of(request)


def _shape_of(request: Mapping[str, Any]) -> Shape:
    return Shape(request["shapes"][request["input"]], request["shapes"])


def _description_file(service: str) -> Path:
    package = find_spec("botocore")
    if package is None or package.origin is None:
        raise SetupError("botocore, which describes the requests of services, is not installed")
    versions = Path(package.origin).parent.joinpath("data", service).glob(f"*/{DESCRIPTION}")
    return max(versions)


@lru_cache(maxsize=4)
def _read_description(file: Path) -> Mapping[str, Any]:
    data = file.read_bytes()
    if file.suffix == ".gz":
        import gzip

        data = gzip.decompress(data)
    description: Mapping[str, Any] = json.loads(data)
    return description


def _extract(description: Mapping[str, Any], operation: str) -> dict[str, Any]:
    """Return what a request consists of: the name of its shape, and every shape below it."""
    name = description["operations"][operation]["input"]["shape"]
    found: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = _without_documentation(description["shapes"][current])
            waiting.extend(_references(found[current]))
    return {"input": name, "shapes": found}


def _references(shape: Mapping[str, Any]) -> Iterator[str]:
    members = shape.get("members", {}).values()
    for reference in (*members, *(shape[key] for key in REFERENCES if key in shape)):
        yield reference["shape"]


def _without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_documentation(item)
            for key, item in value.items()
            if key not in DOCUMENTATION or not isinstance(item, str)
        }
    return value
