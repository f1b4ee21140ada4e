"""A comparison as JSON values, for programs.

Nothing is shortened; a side that is missing has no key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from smp.definition.differences import MISSING
from smp.review.diff.bounds import cost
from smp.review.diff.change_text import headline
from smp.review.diff.changes import (
    Bound,
    Change,
    CodeChange,
    Diff,
    EdgeChange,
    FileChange,
    PermissionChange,
    PipelineChange,
    Prediction,
    StepChange,
)

Fields = dict[str, Any]

MEMBERS: Mapping[type, tuple[str, ...]] = {
    PermissionChange: ("role", "sid", "kind", "actions", "resources", "conditions"),
    StepChange: ("name", "type", "kind", "code", "changes"),
    EdgeChange: ("source", "target", "kind", "before", "after"),
    CodeChange: ("origin", "before", "after", "used_by", "files"),
    FileChange: tuple(member.name for member in fields(FileChange)),
    Prediction: ("step", "type", "outcome", "reasons", "anyway"),
    Bound: ("job", "instance_type", "hours", "price", "notes"),
}
"""The members of each kind of change that a program gets, in their order."""


def diff_fields(diff: Diff) -> Fields:
    """Return the whole comparison."""
    return {
        "changed": not diff.is_empty,
        "summary": headline(diff),
        "base": diff.base,
        "head": diff.head,
        "compared": diff.compared,
        "unread": list(diff.unread),
        "pipelines": [_pipeline(pipeline) for pipeline in diff.pipelines],
    }


def _pipeline(pipeline: PipelineChange) -> Fields:
    return {
        "name": pipeline.name,
        "kind": pipeline.kind,
        "permissions": _plain(pipeline.permissions),
        "steps": _plain(pipeline.steps),
        "edges": _plain(pipeline.edges),
        "code": _plain(pipeline.code),
        "settings": _plain(pipeline.settings),
        "forecast": _plain(pipeline.forecast),
        "bounds": _bounds(pipeline),
    }


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Change):
        return _change(value)
    if type(value) in MEMBERS:
        return {name: _plain(getattr(value, name)) for name in MEMBERS[type(value)]}
    return dict(value) if isinstance(value, Mapping) else value


def _change(change: Change) -> Fields:
    sides = {"before": change.before, "after": change.after}
    return {
        "section": change.section,
        "name": change.name,
        "path": change.path or change.name,
        "kind": change.kind,
        **{side: value for side, value in sides.items() if value is not MISSING},
    }


def _bounds(pipeline: PipelineChange) -> Fields:
    bounds = pipeline.bounds
    priced = {
        "currency": bounds.currency,
        "prices_of": bounds.prices_of,
        "cost_before": round(cost(bounds.before), 4),
        "cost_after": round(cost(bounds.after), 4),
    }
    return {
        "before": _plain(bounds.before),
        "after": _plain(bounds.after),
        **(priced if bounds.prices_of else {}),
    }
