"""The steps of a definition that look into the model registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smp.definition.compiled import Json
from smp.definition.functions import APPROVED_MODEL
from smp.lookup import approved_model as lookup


@dataclass(frozen=True)
class Lookup:
    """One such step: its group, and the places of its versions' objects."""

    group: str
    artifacts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether a later step makes a model of what it finds."""
        return bool(self.artifacts or self.images)


def lookups_in(steps: Iterable[Json]) -> tuple[Lookup, ...]:
    """Return what the steps of a pipeline look up."""
    found = (
        Lookup(
            step["Arguments"][lookup.GROUP],
            _lines(step, lookup.ARTIFACTS),
            _lines(step, lookup.IMAGES),
            _lines(step, lookup.REPORTS),
        )
        for step in steps
        if APPROVED_MODEL.is_called_by(step)
    )
    return tuple(dict.fromkeys(found))


def _lines(step: Json, key: str) -> tuple[str, ...]:
    text = step["Arguments"].get(key, "")
    return tuple(text.split("\n")) if text else ()
