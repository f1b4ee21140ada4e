"""Differences between two pipelines outside their steps: parameters, groups, tags, settings.

A part of the compiled pipeline that no section names goes under "other settings", also one that is new.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.differences import ORDER, Path, differences
from smp.review.diff.changes import Change, Section

Read = Callable[[Json], Any]

PIPELINE_MEMBERS = ("targets", "display_name", "description", "max_parallel_steps")

SECTIONS: tuple[tuple[Section, tuple[str, ...], Read], ...] = (
    (Section.PARAMETERS, (), lambda value: _parameters(value)),
    (Section.TRIGGERS, ("triggers",), lambda value: _named(value, "triggers")),
    (
        Section.GROUPS,
        ("model_package_groups",),
        lambda value: _named(value, "model_package_groups"),
    ),
    (Section.IMAGE, ("images",), lambda value: value["images"]),
    (Section.TAGS, ("tags",), lambda value: value["tags"]),
    (
        Section.PIPELINE,
        PIPELINE_MEMBERS,
        lambda value: {key: value[key] for key in PIPELINE_MEMBERS},
    ),
    (
        Section.NETWORK,
        ("internet_egress",),
        lambda value: {"internet_egress": value["internet_egress"]},
    ),
)
"""The sections of a pipeline: which members of its JSON they cover, and what of it is compared."""

SHOWN_ELSEWHERE = frozenset({"name", "definition", "code"})
"""Members whose differences are reported as steps, edges and code."""

ABOUT_THE_CONFIG = ("models", "step_models", "stand_ins")
"""Members that only a compiled config has: what was read back from the service does not know them."""


def setting_changes(
    before: CompiledPipeline, after: CompiledPipeline, *, knows_config: bool = True
) -> tuple[Change, ...]:
    """Return what differs besides steps, edges and code.

    `knows_config` is false where one of them was read from the service and does not know its config.
    """
    old, new = (json.loads(pipeline.to_json()) for pipeline in (before, after))
    found = [
        Change(section, _name(found.path, section), found.before, found.after, found.name)
        for section, _, read in SECTIONS
        for found in differences(read(old), read(new))
    ]
    covered = SHOWN_ELSEWHERE.union(*(members for _, members, _ in SECTIONS))
    covered = covered if knows_config else covered.union(ABOUT_THE_CONFIG)
    kept = {step["Name"] for step in before.steps()} & {step["Name"] for step in after.steps()}
    rest = [
        {
            **_rest(value, covered, kept),
            "definition": _without(_definition(value), {"Parameters", "Steps"}),
        }
        for value in (old, new)
    ]
    found += [
        Change(Section.OTHER, found.name, found.before, found.after, found.name)
        for found in differences(rest[0], rest[1])
    ]
    return tuple(
        sorted(found + list(_order(before, after)), key=lambda change: change.section.rank)
    )


def _definition(value: Json) -> Json:
    definition = value["definition"]
    assert isinstance(definition, dict)
    return definition


def _parameters(value: Json) -> dict[str, Any]:
    """Return the parameters as items by name; a second one of a name gets a number."""
    found: dict[str, Any] = {}
    for parameter in _definition(value).get("Parameters") or []:
        name, number = f"[{parameter['Name']}]", 1
        while name in found:
            number += 1
            name = f"[{parameter['Name']} #{number}]"
        found[name] = {key: item for key, item in parameter.items() if key != "Name"}
    return found


def _named(value: Json, member: str) -> dict[str, Any]:
    return {item["name"]: {k: v for k, v in item.items() if k != "name"} for item in value[member]}


def _rest(value: Json, covered: frozenset[str], steps: set[str]) -> Json:
    """Return the members that no section covers.

    Their settings of a step count if both sides have it; a stand-in's files are reported as code.
    """
    rest = _without(value, covered)
    for member, shown in (("step_models", lambda item: item), ("stand_ins", _script)):
        if member in rest:
            rest[member] = {name: shown(x) for name, x in rest[member].items() if name in steps}
    return rest


def _script(stand_in: Json) -> Any:
    return stand_in["script"]


def _without(value: Json, members: Collection[str]) -> Json:
    return {key: item for key, item in value.items() if key not in members}


def _name(path: Path, section: Section) -> str:
    parts = [part[1:-1] if part.startswith("[") and part != ORDER else part for part in path]
    if section is Section.GROUPS:
        parts = [part for part in parts if part != "description"] or parts
    return ".".join(parts)


def _order(before: CompiledPipeline, after: CompiledPipeline) -> Iterator[Change]:
    """Yield another order of the same steps, which changes no execution."""
    old, new = ([step["Name"] for step in side.definition["Steps"]] for side in (before, after))
    if old != new and sorted(old) == sorted(new):
        yield Change(Section.OTHER, "order of the steps", old, new, "definition.Steps[order]")
