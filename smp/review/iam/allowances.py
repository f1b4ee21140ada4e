"""One thing that IAM lets somebody do, and whether another thing contains it.

It compares what is written, not what a policy means in an account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

ANYONE = "*"
POSITIVE_SETS = ("Equals", "Like")
"""Ends of the names of operators of which fewer values are a closer condition."""


@dataclass(frozen=True, order=True)
class Scope:
    """Actions, resources or principals: one text with wildcards, or everything but some."""

    texts: tuple[str, ...]
    negated: bool = False
    folded: bool = False
    """Whether upper and lower case are the same, as in actions."""

    def __str__(self) -> str:
        listed = ", ".join(self.texts)
        return f"everything but {listed or 'nothing'}" if self.negated else listed

    def contains(self, other: Scope) -> bool:
        """Whether everything in the other is in this; in doubt it is not."""
        if not self.negated:
            return self._all() if other.negated else _matches(self._one(), other._one())
        if other.negated:
            return all(any(_matches(out, own) for out in other._cases()) for own in self._cases())
        text = other._one()
        return not _has_wildcard(text) and not any(_matches(own, text) for own in self._cases())

    def _all(self) -> bool:
        return self.texts == (ANYONE,)

    def _one(self) -> str:
        return self._cases()[0]

    def _cases(self) -> tuple[str, ...]:
        return tuple(text.lower() for text in self.texts) if self.folded else self.texts


@dataclass(frozen=True, order=True)
class Condition:
    """One key of one operator: `StringEquals kms:ViaService = s3.eu-west-1.amazonaws.com`."""

    operator: str
    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.operator} {self.key} = {' or '.join(self.values)}"

    def contains(self, other: Condition) -> bool:
        """Whether whatever fulfils the other fulfils this."""
        if (self.operator, self.key.lower()) != (other.operator, other.key.lower()):
            return False
        own, others = set(self.values), set(other.values)
        base = self.operator.rpartition(":")[2].removesuffix("IfExists")
        if "Not" in base:
            return own <= others
        if base.startswith(("String", "Arn")) and base.endswith(POSITIVE_SETS):
            if base.startswith("StringEquals"):
                return others <= own
            return all(any(_matches(wide, value) for wide in own) for value in others)
        return own == others


@dataclass(frozen=True, order=True)
class Allowance:
    """One Allow, or one Deny, of one action on one resource.

    `holder` is whose policy it is: a role, or the bucket of a bucket policy. `principal` is who may, in
    policies that name somebody.
    """

    stack: str
    holder: str
    effect: str
    action: Scope
    resource: Scope
    principal: Scope | None = None
    conditions: tuple[Condition, ...] = ()

    def contains(self, other: Allowance) -> bool:
        """Whether this one covers the other."""
        if (self.stack, self.holder, self.effect) != (other.stack, other.holder, other.effect):
            return False
        return (
            _contains_principal(self.principal, other.principal)
            and self.action.contains(other.action)
            and self.resource.contains(other.resource)
            and all(any(own.contains(c) for c in other.conditions) for own in self.conditions)
        )

    def __str__(self) -> str:
        who = f"{self.holder}: {self.principal}" if self.principal else self.holder
        verb = "may now" if self.effect == "Allow" else "is no longer denied"
        place = f" on {self.resource}" if self.resource.texts != ("",) else ""
        when = " and ".join(map(str, self.conditions))
        return f"{self.stack}: {who} {verb} {self.action}{place}{f' if {when}' if when else ''}"


def conditions_of(
    operators: Mapping[str, Mapping[str, Iterable[str]]],
) -> tuple[Condition, ...]:
    """Return a Condition block as sorted single conditions."""
    return tuple(
        sorted(
            Condition(operator, key, tuple(sorted(set(values))))
            for operator, keys in operators.items()
            for key, values in keys.items()
        )
    )


def _contains_principal(own: Scope | None, other: Scope | None) -> bool:
    if own is None or other is None:
        return own is other
    return own == other or own == Scope((ANYONE,))


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text or _is_function(text)


def _is_function(text: str) -> bool:
    """Whether a text contains the JSON of a function whose value is unknown before a deployment."""
    return '{"' in text or '["' in text


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    """Return what matches every text, patterns too, that is inside this pattern.

    `?` matches one character and so a `?` of the other, never its `*`.
    """
    parts = {"*": ".*", "?": "[^*]"}
    return re.compile("".join(parts.get(c, re.escape(c)) for c in text), re.DOTALL)


def _matches(pattern: str, text: str) -> bool:
    if pattern in (text, ANYONE):
        return True
    return not _is_function(pattern) and _pattern(pattern).fullmatch(text) is not None
