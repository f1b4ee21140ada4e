"""Divides statements among managed policies, each of a size that IAM takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from smp.definition.permissions.statement import Statement

MAX_POLICY_CHARACTERS = 6144
"""A managed policy's size without white space (IAM quotas)."""

FRAME = len('{"Version":"2012-10-17","Statement":[]}')


@dataclass(frozen=True)
class Sized:
    """A statement, and its resources as they are in the template: names in the place of tokens."""

    statement: Statement
    shown: Sequence[str]

    @cached_property
    def characters(self) -> int:
        """The size that IAM counts, and the comma behind the statement."""
        shown = {**self.statement.to_json(), "Resource": list(self.shown)}
        return len(str(shown).replace(" ", "")) + 1


def in_policies(statements: Iterable[Sized]) -> list[list[Sized]]:
    """Return the statements in their order, divided among as few policies as keep that order.

    A statement that is longer than a policy is divided by its resources, or else by the values of its
    longest condition: each part allows less than the whole, all parts together exactly the whole.
    """
    policies: list[list[Sized]] = [[]]
    room = MAX_POLICY_CHARACTERS - FRAME
    for part in [part for statement in statements for part in _parts(statement)]:
        if part.characters > room and policies[-1]:
            policies.append([])
            room = MAX_POLICY_CHARACTERS - FRAME
        policies[-1].append(part)
        room -= part.characters
    return policies


def _parts(sized: Sized) -> list[Sized]:
    """Return the statement in halves of halves, until each fits into a policy."""
    if sized.characters <= MAX_POLICY_CHARACTERS - FRAME:
        return [sized]
    halves = _halves(sized)
    numbered = [part for half in halves for part in _parts(half)]
    sid = sized.statement.sid
    return [
        replace(part, statement=replace(part.statement, sid=f"{sid}Part{number}"))
        for number, part in enumerate(numbered, start=1)
    ]


def _halves(sized: Sized) -> list[Sized]:
    statement, middle = sized.statement, len(sized.shown) // 2
    if middle:
        return [
            Sized(replace(statement, resources=statement.resources[part]), sized.shown[part])
            for part in (slice(None, middle), slice(middle, None))
        ]
    operator, key, values = _longest_condition(statement)
    middle = len(values) // 2
    return [
        replace(sized, statement=_with_condition(statement, operator, key, part))
        for part in (values[:middle], values[middle:])
    ]


def _longest_condition(statement: Statement) -> tuple[str, str, list[str]]:
    """Return the condition with most values. Any of its values allows, so it can be divided.

    Raises:
        ValueError: If no condition has two values: a name alone is longer than a policy.
    """
    found = [
        (operator, key, values)
        for operator, keys in statement.conditions.items()
        for key, values in keys.items()
        if isinstance(values, list) and len(values) > 1 and "Not" not in operator
    ]
    if not found:
        raise ValueError(f"the statement {statement.sid} cannot be divided")
    return max(found, key=lambda each: len(each[2]))


def _with_condition(
    statement: Statement, operator: str, key: str, values: Sequence[str]
) -> Statement:
    conditions = {name: dict(keys) for name, keys in statement.conditions.items()}
    conditions[operator][key] = list(values)
    return replace(statement, conditions=conditions)
