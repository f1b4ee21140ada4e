"""The steps of a definition that look into the model registry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smp.definition.compiled import Json
from smp.definition.deploy_values import function
from smp.lookup import approved_model as lookup

APPROVED_MODEL = "approved-model"
"""The function's deploy-time name, after `function.`."""


@dataclass(frozen=True)
class Lookup:
    """One such step: its group, and where what the group's versions consist of lies."""

    group: str
    artifacts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether a later step makes a model of what it finds."""
        return bool(self.artifacts or self.images)


def is_lookup(step: Json) -> bool:
    """Whether a step of a definition calls this project's own function."""
    return bool(step["Type"] == "Lambda" and step.get("FunctionArn") == function(APPROVED_MODEL))


def asks_registry(step: Json) -> bool:
    """Whether a step hands over and takes back what a lookup does, whatever function it calls."""
    outputs = {output.get("OutputName") for output in step.get("OutputParameters", [])}
    wanted = {lookup.PACKAGE_ARN, lookup.PACKAGE_VERSION, lookup.EXISTS}
    handed = {lookup.GROUP, lookup.VERSION, lookup.WHEN_NONE}
    return step["Type"] == "Lambda" and wanted <= outputs and handed <= step["Arguments"].keys()


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
        if is_lookup(step)
    )
    return tuple(dict.fromkeys(found))


def _lines(step: Json, key: str) -> tuple[str, ...]:
    text = step["Arguments"].get(key, "")
    return tuple(text.split("\n")) if text else ()
