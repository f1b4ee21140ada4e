"""Statements divided among policies: the same permissions, in sizes that IAM takes."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from smp.definition.permissions.policy_size import MAX_POLICY_CHARACTERS, Sized, in_policies
from smp.definition.permissions.statement import Statement

WORDS = st.text("abc-/", min_size=1, max_size=120)


@st.composite
def statements(draw: st.DrawFn) -> list[Statement]:
    number = draw(st.integers(0, 6))
    return [
        Statement(
            f"S{index}",
            ["s3:GetObject"],
            draw(st.lists(WORDS, min_size=1, max_size=150, unique=True)),
            {"StringLike": {"s3:prefix": prefixes}} if prefixes else {},
            wildcard="why",
        )
        for index in range(number)
        for prefixes in [draw(st.lists(WORDS, max_size=150, unique=True))]
    ]


def allowed(given_statements: list[Statement]) -> set[tuple[str, str, str | None]]:
    """Return each action, resource and prefix that the statements allow together."""
    return {
        (action, resource, prefix)
        for statement in given_statements
        for action in statement.actions
        for resource in statement.resources
        for prefix in statement.conditions.get("StringLike", {}).get("s3:prefix", [None])
    }


@settings(max_examples=60, deadline=None)
@given(statements())
def test_policies_allow_exactly_what_the_statements_allow(
    given_statements: list[Statement],
) -> None:
    policies = in_policies([Sized(item, item.resources) for item in given_statements])
    parts = [sized.statement for policy in policies for sized in policy]
    assert allowed(parts) == allowed(given_statements)
    assert len({part.sid for part in parts}) == len(parts)
    for policy in policies:
        document = {
            "Version": "2012-10-17",
            "Statement": [sized.statement.to_json() for sized in policy],
        }
        assert len(json.dumps(document, separators=(",", ":"))) <= MAX_POLICY_CHARACTERS


def test_statements_that_fit_are_one_policy_as_they_are() -> None:
    few = [Sized(Statement("A", ["s3:GetObject"], ["arn:a"]), ["arn:a"])] * 2
    assert in_policies(few) == [few]
