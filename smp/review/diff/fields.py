"""A comparison as JSON values, for programs.

Nothing is shortened; a side that is missing has no key.
"""

from __future__ import annotations

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
    PermissionChange,
    PipelineChange,
    Prediction,
    StepChange,
)

Fields = dict[str, Any]


def diff_fields(diff: Diff) -> Fields:
    """Return the whole comparison."""
    return {
        "changed": not diff.is_empty,
        "summary": headline(diff),
        "base": diff.base,
        "head": diff.head,
        "compared": diff.compared,
        "pipelines": [_pipeline(pipeline) for pipeline in diff.pipelines],
    }


def _pipeline(pipeline: PipelineChange) -> Fields:
    return {
        "name": pipeline.name,
        "kind": pipeline.kind,
        "permissions": [_permission(item) for item in pipeline.permissions],
        "steps": [_step(step) for step in pipeline.steps],
        "edges": [_edge(edge) for edge in pipeline.edges],
        "code": [_code(change) for change in pipeline.code],
        "settings": [_change(change) for change in pipeline.settings],
        "forecast": [_prediction(item) for item in pipeline.forecast],
        "bounds": _bounds(pipeline),
    }


def _permission(item: PermissionChange) -> Fields:
    return {
        "role": item.role,
        "sid": item.sid,
        "kind": item.kind,
        "actions": list(item.actions),
        "resources": list(item.resources),
        "conditions": dict(item.conditions),
    }


def _edge(edge: EdgeChange) -> Fields:
    return {
        "source": edge.source,
        "target": edge.target,
        "kind": edge.kind,
        "before": list(edge.before),
        "after": list(edge.after),
    }


def _prediction(item: Prediction) -> Fields:
    return {
        "step": item.step,
        "type": item.type,
        "outcome": item.outcome,
        "reasons": list(item.reasons),
        "anyway": item.anyway,
    }


def _step(step: StepChange) -> Fields:
    return {
        "name": step.name,
        "type": step.type,
        "kind": step.kind,
        "code": list(step.code),
        "changes": [_change(change) for change in step.changes],
    }


def _change(change: Change) -> Fields:
    sides = {"before": change.before, "after": change.after}
    return {
        "section": change.section,
        "name": change.name,
        "path": change.path or change.name,
        "kind": change.kind,
        **{side: value for side, value in sides.items() if value is not MISSING},
    }


def _code(change: CodeChange) -> Fields:
    return {
        "origin": change.origin,
        "before": list(change.before),
        "after": list(change.after),
        "used_by": list(change.used_by),
        "files": [
            {
                "path": file.path,
                "kind": file.kind,
                "lines_added": file.lines_added,
                "lines_removed": file.lines_removed,
                "size_before": file.size_before,
                "size_after": file.size_after,
                "note": file.note or None,
            }
            for file in change.files
        ],
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
        "before": [_bound(bound) for bound in bounds.before],
        "after": [_bound(bound) for bound in bounds.after],
        **(priced if bounds.prices_of else {}),
    }


def _bound(bound: Bound) -> Fields:
    return {
        "job": bound.job,
        "instance_type": bound.instance_type,
        "hours": bound.hours,
        "price": bound.price,
        "notes": list(bound.notes),
    }
