"""Compares two states of the pipelines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace

from smp.definition.compiled import CompiledPipeline
from smp.definition.differences import same
from smp.definition.prices import Prices
from smp.review.diff.bounds import compare_bounds
from smp.review.diff.changes import (
    Change,
    ChangedDag,
    CodeChange,
    Diff,
    Kind,
    PipelineChange,
    Section,
)
from smp.review.diff.code import code_changes
from smp.review.diff.forecast import forecast
from smp.review.diff.permissions import RolesOf, no_roles, permission_changes
from smp.review.diff.picture import changed_dag
from smp.review.diff.settings import setting_changes
from smp.review.diff.steps import edge_changes, step_changes
from smp.review.states.state import State


def compare_states(
    base: State,
    head: State,
    names: Iterable[str] = (),
    prices: Prices | None = None,
    *,
    further_roles: RolesOf = no_roles,
) -> Diff:
    """Return what changes from one state to the other in the pipelines of these names, or in all.

    `further_roles` are those of engines other than SageMaker; a review cannot find them.
    """
    known = {**head.pipelines, **base.pipelines}
    wanted = list(names) or sorted(known)
    knows_config = base.knows_config and head.knows_config
    changes = [
        compare_pipelines(
            base.pipelines.get(name),
            head.pipelines.get(name),
            prices,
            knows_config=knows_config,
            further_roles=further_roles,
        )
        for name in dict.fromkeys(wanted)
    ]
    found = tuple(change for change in changes if change is not None)
    order = [Kind.REMOVED, Kind.CHANGED, Kind.ADDED]
    found = tuple(sorted(found, key=lambda change: (order.index(change.kind), change.name)))
    return Diff(base.label, head.label, len(set(wanted)), found, (*base.unread, *head.unread))


def compare_pipelines(
    before: CompiledPipeline | None,
    after: CompiledPipeline | None,
    prices: Prices | None = None,
    *,
    knows_config: bool = True,
    further_roles: RolesOf = no_roles,
) -> PipelineChange | None:
    """Return what differs between two states of a pipeline, None where nothing does.

    `knows_config` is false where a side was read from the service, which does not know the config.
    """
    if not knows_config:
        before, after = _deployable(before), _deployable(after)
    present = after or before
    if present is None:
        return None
    both = before is not None and after is not None
    steps, edges = step_changes(before, after), edge_changes(before, after)
    change = PipelineChange(
        name=present.name,
        kind=Kind.CHANGED if both else Kind.ADDED if after else Kind.REMOVED,
        settings=_settings(before, after, knows_config),
        permissions=permission_changes(before, after, further_roles),
        steps=steps,
        edges=edges,
        code=_code(before, after, knows_config),
        forecast=forecast(before, after),
        bounds=compare_bounds(before, after, prices),
        picture=changed_dag(before, after, steps, edges),
    )
    if not both or _has_content(change):
        return change
    assert before is not None
    assert after is not None
    if same(before.definition, after.definition):
        return None
    return replace(change, settings=(_unnamed(before, after),))


def _deployable(pipeline: CompiledPipeline | None) -> CompiledPipeline | None:
    """Return a pipeline without triggers that are switched off: nothing of them is deployed."""
    if pipeline is None or all(trigger.enabled for trigger in pipeline.triggers):
        return pipeline
    return replace(pipeline, triggers=tuple(t for t in pipeline.triggers if t.enabled))


def picture_of(base: State, head: State, name: str) -> ChangedDag:
    """Return both DAGs of a pipeline as one; of one that does not change, with nothing marked."""
    before, after = base.pipelines.get(name), head.pipelines.get(name)
    return changed_dag(before, after, step_changes(before, after), edge_changes(before, after))


def _settings(
    before: CompiledPipeline | None, after: CompiledPipeline | None, knows_config: bool
) -> tuple[Change, ...]:
    present = after or before
    if present is None:
        return ()
    empty = _without_content(present)
    return setting_changes(before or empty, after or empty, knows_config=knows_config)


def _without_content(pipeline: CompiledPipeline) -> CompiledPipeline:
    """Return a pipeline of nothing, to compare one with that the other side does not have."""
    return CompiledPipeline(
        name=pipeline.name,
        definition={**pipeline.definition, "Parameters": [], "Steps": []},
        code=(),
        code_store=pipeline.code_store,
        models=pipeline.models,
    )


def _code(
    before: CompiledPipeline | None, after: CompiledPipeline | None, knows_config: bool
) -> tuple[CodeChange, ...]:
    found = code_changes(before, after)
    return found if knows_config else tuple(change for change in found if change.used_by)


def _has_content(change: PipelineChange) -> bool:
    return bool(
        change.settings or change.permissions or change.steps or change.edges or change.code
    )


def _unnamed(before: CompiledPipeline, after: CompiledPipeline) -> Change:
    """Return the change of a definition that no section could name, by the definitions' hashes."""
    hashes = [
        hashlib.sha256(json.dumps(side.definition, sort_keys=True).encode()).hexdigest()
        for side in (before, after)
    ]
    return Change(Section.OTHER, "definition", hashes[0], hashes[1], "definition")
