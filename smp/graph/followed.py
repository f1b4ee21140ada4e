"""Follows what steps are written to wait for: on which sides of conditions they run, or after a failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from smp.config.steps.for_each import ForEachStep
from smp.config.values.condition import Reference
from smp.config.values.message import message_parts
from smp.graph.findings import Findings, Sides


def follow_sides(
    findings: Findings, listed: Sides, after: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, frozenset[bool]]]:
    """Return the sides of each step: where it is listed, and where the steps run that it waits for."""
    found = {name: dict(listed.get(name, {})) for name in findings.steps}
    changed = True
    while changed:
        changed = False
        for name, own in found.items():
            for before in _before(findings, name, after):
                for condition, taken in found.get(before, {}).items():
                    merged = own.get(condition, frozenset()) | taken
                    changed = changed or merged != own.get(condition)
                    own[condition] = merged
    return found


def follow_failures(findings: Findings, after: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return the steps that run only when another has failed, and those that wait for them."""
    found = {
        name
        for step in findings.steps.values()
        for name in getattr(step.config, "on_failure", ())
        if name in findings.steps
    }
    while True:
        others = findings.steps.keys() - found
        following = {n for n in others if found.intersection(_before(findings, n, after))}
        if not following:
            return frozenset(found)
        found |= following


def _before(findings: Findings, name: str, after: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield what a step is written to wait for, before its class finds more."""
    config = findings.config_of(name)
    yield from after.get(name, ())
    yield from getattr(config, "chain_input_source_step", ())
    if name in findings.loops:
        yield findings.loops[name]
    if isinstance(config, ForEachStep) and isinstance(config.items, str):
        parts = message_parts(config.items)
        yield from (part.owner for part in parts if isinstance(part, Reference))
