"""What the roles of a pipeline may newly do, and what no longer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from smp.definition.compiled import CodeTree, CompiledPipeline
from smp.definition.differences import name_changed_trees
from smp.definition.permissions.plan import plan_permissions
from smp.definition.permissions.statement import Statement
from smp.definition.triggers import SAGEMAKER
from smp.review.diff.changes import Kind, PermissionChange

JOB_ROLE, PIPELINE_ROLE = "job role", "pipeline role"

Key = tuple[str, str, int]
"""A statement's role, its sid, and its number among those of the same sid."""


RolesOf = Callable[[CompiledPipeline], Mapping[str, Sequence[Statement]]]
"""Returns the statements of further roles of a pipeline, by what each role is called."""


def no_roles(_: CompiledPipeline) -> Mapping[str, Sequence[Statement]]:
    return {}


def permission_changes(
    before: CompiledPipeline | None,
    after: CompiledPipeline | None,
    further: RolesOf = no_roles,
) -> tuple[PermissionChange, ...]:
    """Return the allowances that one side lacks, what is new first.

    `further` are the roles of engines other than SageMaker.
    """
    changed = [pipeline.code if pipeline else () for pipeline in (before, after)]
    then, now = (
        {key: _without_content(item, changed) for key, item in _statements(side, further).items()}
        for side in (before, after)
    )
    changes = [
        change
        for key in dict.fromkeys((*now, *then))
        for change in _compared(key, then.get(key), now.get(key))
    ]
    return tuple(sorted(changes, key=lambda change: change.kind is Kind.REMOVED))


def _without_content(statement: Statement, changed: Sequence[Sequence[CodeTree]]) -> Statement:
    """Return a statement that is the same where only the content of the code differs."""
    resources = name_changed_trees(list(statement.resources), *changed)
    return replace(statement, resources=tuple(dict.fromkeys(resources)))


def _statements(pipeline: CompiledPipeline | None, further: RolesOf) -> Mapping[Key, Statement]:
    if pipeline is None:
        return {}
    permissions = plan_permissions(pipeline)
    found: dict[Key, Statement] = {}
    roles: dict[str, Sequence[Statement]] = {JOB_ROLE: permissions.job}
    if SAGEMAKER in pipeline.targets:
        roles[PIPELINE_ROLE] = permissions.pipeline
    roles |= further(pipeline)
    roles |= {f"role of function {name}": own for name, own in permissions.functions.items()}
    roles |= {f"role of trigger {name}": own for name, own in permissions.triggers.items()}
    for role, statements in roles.items():
        for statement in statements:
            number = sum(key[:2] == (role, statement.sid) for key in found)
            found[role, statement.sid, number] = statement
    return found


def _compared(key: Key, old: Statement | None, new: Statement | None) -> Iterator[PermissionChange]:
    role, sid, _ = key
    for kind, own, other in ((Kind.REMOVED, old, new), (Kind.ADDED, new, old)):
        if own is None:
            continue
        actions, resources, conditions = _not_in(own, other)
        if actions and resources:
            yield PermissionChange(role, sid, kind, actions, resources, conditions)


Allowance = tuple[tuple[str, ...], tuple[str, ...], Mapping[str, Any]]


def _not_in(own: Statement, other: Statement | None) -> Allowance:
    """Return the actions, resources and conditions of a statement that another one does not allow."""
    actions, resources = tuple(own.actions), tuple(own.resources)
    whole = actions, resources, own.conditions
    if other is None:
        return whole
    less_actions = _only(actions, other.actions)
    less_resources = _only(resources, other.resources)
    if not _same(own.conditions, other.conditions):
        narrowed = None if less_actions or less_resources else _values_not_in(own, other)
        if narrowed is None:
            return whole
        return (actions if narrowed else ()), resources, narrowed
    if not less_actions:
        return actions, less_resources, own.conditions
    return (less_actions, resources, own.conditions) if not less_resources else whole


def _values_not_in(own: Statement, other: Statement) -> Mapping[str, Any] | None:
    """Return the conditions with only the values that the other statement lacks; empty where it has all.

    None where more differs than the values of one list, any of which is enough for the condition.
    """
    mine, others = _lists(own), _lists(other)
    if mine.keys() != others.keys():
        return None
    differing = [key for key in mine if not _same(mine[key], others[key])]
    lists = all(isinstance(side[key], list) for side in (mine, others) for key in differing)
    if len(differing) != 1 or not lists or "Not" in differing[0][0]:
        return None
    operator, key = differing[0]
    values = [value for value in mine[operator, key] if value not in others[operator, key]]
    if not values:
        return {}
    return {**own.conditions, operator: {**own.conditions[operator], key: values}}


def _lists(statement: Statement) -> dict[tuple[str, str], Any]:
    return {
        (operator, key): value
        for operator, keys in statement.conditions.items()
        for key, value in keys.items()
    }


def _only(some: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    return tuple(item for item in some if item not in set(others))


def _same(before: Any, after: Any) -> bool:
    return json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
