"""Puts what a file says for one environment, `conf.environments.NAME`, over the rest of the file.

It merges what is written, before anything is checked, and takes the places along. The result is
checked as if it were written that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from smp.config.read.yaml_tree import Document, Path_
from smp.config.validation_errors import keys_with_spelling
from smp.errors import Location, Problem, near_names
from smp.text.messages import dotted, shown

SECTION: Path_ = ("conf", "environments")
ITEM_NAMES = ("name", "step_name", "Name", "Key", "sourceName")
"""The keys by which the items of a list are told apart: those of parameters, steps, metric definitions,
tags and data files."""


@dataclass(frozen=True)
class SelectedEnvironment:
    """The environment that the files are read for, and all there are, where that is known."""

    name: str | None = None
    known: tuple[str, ...] = ()

    def problems(self) -> list[Problem]:
        """Return what is wrong with the choice."""
        if self.name is None or not self.known or self.name in self.known:
            return []
        reason = f"there is no environment {shown(self.name)}"
        allowed, hint = ", ".join(self.known), near_names(self.name, self.known)
        return [Problem(reason, allowed=allowed, hint=hint)]

    def notes(self, overlays: Iterable[str]) -> list[Problem]:
        """Return a note where nothing tells whether there is such an environment."""
        names = sorted(overlays)
        if self.name is None or self.known or self.name in names:
            return []
        reason = f"no file has a section for the environment {shown(self.name)}"
        return [
            Problem(reason, allowed=", ".join(names) or None, hint=near_names(self.name, names))
        ]


def overlay_names(document: Document) -> tuple[str, ...]:
    """Return the environments that a file has a section for."""
    return tuple(_overlays(document))


def check_overlays(document: Document, known: Iterable[str]) -> list[Problem]:
    """Return what is wrong with the section as a whole; `known` are all environments, if known."""
    written = _value(document.data, SECTION)
    if written is not None and not isinstance(written, dict):
        return [_not_a_mapping(document, SECTION, written)]
    problems = []
    names = tuple(known)
    for name, overlay in _overlays(document).items():
        path = (*SECTION, name)
        if overlay is not None and not isinstance(overlay, dict):
            problems.append(_not_a_mapping(document, path, overlay))
        elif overlay and SECTION[-1] in overlay:
            inner = (*path, SECTION[-1])
            reason = "the section of an environment cannot have environments"
            problems.append(Problem(reason, document.keys[inner], dotted(inner)))
        if names and name not in names:
            place = document.keys.get(path) or document.locate(path)
            reason = f"there is no environment {shown(name)}"
            hint = near_names(name, names)
            problems.append(Problem(reason, place, dotted(SECTION), None, ", ".join(names), hint))
    return problems


def with_overlay(document: Document, environment: str | None) -> tuple[Document, list[Problem]]:
    """Return the document for an environment, without the section itself, and what cannot be merged."""
    if _value(document.data, SECTION) is None:
        return document, []
    base = {key: value for key, value in document.data["conf"].items() if key != SECTION[-1]}
    merging = _Merging(document, {**document.positions}, {**document.keys})
    overlay = _overlays(document).get(environment or "")
    data = {**document.data, "conf": base}
    if isinstance(overlay, dict):
        merged = merging.mapping(base, overlay, ("conf",), (*SECTION, str(environment)))
        data = {**data, "conf": merged}
    data["conf"][SECTION[-1]] = dict.fromkeys(_overlays(document))
    changed = replace(
        document,
        data=data,
        positions=_outside(merging.positions),
        keys=_outside(merging.keys),
        origins=merging.origins,
    )
    return changed, merging.problems


def _outside(places: Mapping[Path_, Location]) -> dict[Path_, Location]:
    """Return the places without those inside the section: its names are checked with the rest."""
    inside = len(SECTION) + 1
    return {path: at for path, at in places.items() if path[:2] != SECTION or len(path) <= inside}


def _overlays(document: Document) -> Mapping[str, Any]:
    section = _value(document.data, SECTION)
    return section if isinstance(section, dict) else {}


def _value(data: Any, path: Path_) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _not_a_mapping(document: Document, path: Path_, value: Any) -> Problem:
    return Problem("must be a mapping", document.locate(path), dotted(path), shown(value))


@dataclass
class _Merging:
    document: Document
    positions: dict[Path_, Location]
    keys: dict[Path_, Location]
    origins: dict[Path_, Path_] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def mapping(
        self, base: dict[str, Any], over: dict[str, Any], path: Path_, origin: Path_
    ) -> dict[str, Any]:
        """Return the base with each key of the overlay over it."""
        merged = dict(base)
        for key, value in over.items():
            old = self._same_setting(key, merged)
            below, source = (*path, old), (*origin, key)
            if value is None and merged.pop(old, None) is not None:
                self._take(below, source)
            else:
                merged[old] = self._over(merged.get(old), value, below, source)
        return merged

    def _over(self, before: Any, value: Any, path: Path_, origin: Path_) -> Any:
        if isinstance(before, dict) and isinstance(value, dict):
            return self.mapping(before, value, path, origin)
        if isinstance(before, list) and isinstance(value, dict):
            return self._items(before, value, path, origin)
        self._take(path, origin)
        return value

    def _items(self, base: list[Any], over: dict[str, Any], path: Path_, origin: Path_) -> Any:
        """Return a list with the items changed that the overlay names."""
        naming = next((key for key in ITEM_NAMES if _all_have(base, key)), None)
        if naming is None:
            place = self.document.locate(origin)
            reason = "changes items by name, and the list has items without names: write the list"
            self.problems.append(Problem(reason, place, dotted(origin)))
            return base
        names = [item[naming] for item in base]
        merged: list[Any] = list(base)
        for name, value in over.items():
            source = (*origin, name)
            if name not in names:
                self._report_no_item(name, names, naming, source)
            else:
                index = names.index(name)
                merged[index] = self._over(merged[index], value, (*path, index), source)
        return merged

    def _report_no_item(self, name: str, names: list[str], naming: str, source: Path_) -> None:
        place = self.document.keys.get(source) or self.document.locate(source)
        reason = f"no item of the list has the {naming} {shown(name)}"
        hint = near_names(name, map(str, names)) or "write the whole list to add one"
        listed = ", ".join(map(str, names))
        self.problems.append(Problem(reason, place, dotted(source), None, listed, hint))

    def _take(self, path: Path_, origin: Path_) -> None:
        """Let a path be what the overlay says there."""
        self._forget(path)
        for places, source in (
            (self.positions, self.document.positions),
            (self.keys, self.document.keys),
        ):
            for place, location in source.items():
                if place == origin or _is_below(place, origin):
                    places[(*path, *place[len(origin) :])] = location
        self.origins[path] = origin

    def _forget(self, path: Path_) -> None:
        for places in (self.positions, self.keys):
            for place in [p for p in places if p == path or _is_below(p, path)]:
                del places[place]

    def _same_setting(self, key: str, base: Mapping[str, Any]) -> str:
        """Return the key of the base that an overlay's key means, which may be spelt otherwise."""
        if key in base:
            return key
        return next(
            (other for other in base if keys_with_spelling(other) & keys_with_spelling(key)), key
        )


def _all_have(items: list[Any], key: str) -> bool:
    return bool(items) and all(isinstance(item, dict) and key in item for item in items)


def _is_below(place: Path_, path: Path_) -> bool:
    return len(place) > len(path) and place[: len(path)] == path
