"""What differs between the steps of two pipelines, and between their edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smp.definition.compiled import CONTAINERS, CompiledPipeline, Json
from smp.definition.differences import (
    MISSING,
    differences,
    name_changed_trees,
    own_settings,
)
from smp.picture.dag import read_dag
from smp.review.diff.changes import Change, EdgeChange, Kind, Section, StepChange
from smp.review.diff.code import trees_of
from smp.review.diff.sections import step_setting

TOP_LEVEL = "the pipeline itself"


@dataclass(frozen=True)
class _Placed:
    step: Json
    place: str


def step_changes(
    before: CompiledPipeline | None, after: CompiledPipeline | None
) -> tuple[StepChange, ...]:
    """Return the steps that one side lacks or that differ, in the order in which they can run."""
    then, now = _placed(before), _placed(after)
    changes = []
    for name in dict.fromkeys((*now, *then)):
        old, new = then.get(name), now.get(name)
        if old is None or new is None:
            changes.append(_one_sided(name, old, new))
        else:
            assert before is not None
            assert after is not None
            changes.append(_compared(name, (old, before), (new, after)))
    return tuple(change for change in changes if _has_content(change))


def _has_content(change: StepChange) -> bool:
    return bool(change.changes or change.code or change.kind is not Kind.CHANGED)


def _placed(pipeline: CompiledPipeline | None) -> dict[str, _Placed]:
    """Return the steps by name with their places, in list order; a repeated name gets a number."""
    found: dict[str, _Placed] = {}
    for step, place in _walk(pipeline.definition["Steps"]) if pipeline else ():
        name, number = step["Name"], 1
        while name in found:
            number += 1
            name = f"{step['Name']} #{number}"
        found[name] = _Placed(step, place)
    return found


def _walk(steps: list[Json], place: str = TOP_LEVEL) -> Iterator[tuple[Json, str]]:
    for step in steps:
        yield step, place
        for branch in CONTAINERS:
            inside = step.get("Arguments", {}).get(branch)
            if isinstance(inside, list):
                yield from _walk(inside, f"{branch} of {step['Name']}")


def _one_sided(name: str, old: _Placed | None, new: _Placed | None) -> StepChange:
    placed = new or old
    assert placed is not None
    before, after = (_without_type(side.step) if side else MISSING for side in (old, new))
    kind = placed.step["Type"]
    changes = [step_setting(found, kind) for found in differences(before, after)]
    if placed.place != TOP_LEVEL:
        then, now = (side.place if side else MISSING for side in (old, new))
        changes.append(Change(Section.PLACE, "inside", then, now))
    return StepChange(
        name,
        kind,
        Kind.REMOVED if new is None else Kind.ADDED,
        _sorted(changes),
        (),
        _facts(placed),
    )


def _settings(step: Json) -> Json:
    """Return what is compared of a step; what it waits for is reported as edges."""
    return {key: value for key, value in own_settings(step).items() if key != "DependsOn"}


def _without_type(step: Json) -> Json:
    return {key: value for key, value in _settings(step).items() if key != "Type"}


def _facts(placed: _Placed) -> str:
    """Return the machines and the image of a step."""
    step = placed.step
    instances = _shown_instances(step)
    images = {
        str(found.after)
        for found in differences(MISSING, _settings(step))
        if found.path[-1] in ("Image", "ImageUri", "TrainingImage")
    }
    return " · ".join(part for part in (instances, ", ".join(sorted(images))) if part)


def _shown_instances(step: Json) -> str:
    definition = {"Steps": [{**step, "DependsOn": []}]}
    pipeline = CompiledPipeline(name="", definition=definition, code=(), code_store=Path())
    return read_dag(pipeline).steps[0].instances


def _compared(
    name: str, before: tuple[_Placed, CompiledPipeline], after: tuple[_Placed, CompiledPipeline]
) -> StepChange:
    (old, then), (new, now) = before, after
    sides = [
        name_changed_trees(_settings(placed.step), then.local_code(), now.local_code())
        for placed in (old, new)
    ]
    changes = [step_setting(found, new.step["Type"]) for found in differences(sides[0], sides[1])]
    kind = Kind.CHANGED
    if old.place != new.place:
        changes.append(Change(Section.PLACE, "inside", old.place, new.place))
        kind = Kind.MOVED
    return StepChange(
        name, new.step["Type"], kind, _sorted(changes), _changed_code(old, then, new, now)
    )


def _changed_code(
    old: _Placed, then: CompiledPipeline, new: _Placed, now: CompiledPipeline
) -> tuple[str, ...]:
    """Return the origins whose content is not the same for the step."""
    used = trees_of(old.step, then), trees_of(new.step, now)
    return tuple(
        origin
        for origin in dict.fromkeys((*used[0], *used[1]))
        if used[0].get(origin) != used[1].get(origin)
    )


def _sorted(changes: list[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: change.section.rank))


def edge_changes(
    before: CompiledPipeline | None, after: CompiledPipeline | None
) -> tuple[EdgeChange, ...]:
    """Return what steps newly wait for, no longer wait for, or wait for in another way."""
    then, now = _edges(before), _edges(after)
    return tuple(
        EdgeChange(*ends, then.get(ends, ()), now.get(ends, ()))
        for ends in sorted({*then, *now})
        if then.get(ends) != now.get(ends)
    )


Ends = tuple[str, str]


def _edges(pipeline: CompiledPipeline | None) -> Mapping[Ends, tuple[str, ...]]:
    """Return how each step waits for others: for data, by `DependsOn`, or inside of a step."""
    if pipeline is None:
        return {}
    edges: dict[Ends, list[str]] = {}
    for edge in read_dag(pipeline).edges:
        if edge.carries_data or edge.decides:
            way = "branch" if edge.decides else "data"
            edges.setdefault((edge.source, edge.target), []).append(way)
    for step in pipeline.steps():
        for dependency in step.get("DependsOn", []):
            source, how = _dependency(dependency)
            edges.setdefault((source, step["Name"]), []).append(how)
    return {ends: tuple(ways) for ends, ways in edges.items()}


def _dependency(value: Any) -> tuple[str, str]:
    """Return the step that a `DependsOn` names, and `order`, with the condition if there is one."""
    if isinstance(value, dict):
        how = ", ".join(f"{key} {item}" for key, item in value.items() if key != "Step")
        return value["Step"], f"order ({how})" if how else "order"
    return str(value), "order"
