"""Where two values differ: everywhere they do, told by names, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smp.definition.compiled import CodeFile, CodeTree
from smp.definition.differences import MISSING, Difference, differences, name_changed_trees, same

SCALARS = (
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(-2, 2) | st.text("ab", max_size=2)
)
NAMED = st.dictionaries(
    st.sampled_from(["Name", "ChannelName", "Get", "a", "b"]), SCALARS, max_size=3
)
VALUES = st.recursive(
    SCALARS | st.lists(NAMED, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c.d", "[x]", "Name"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def found(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    return [(item.name, item.before, item.after) for item in differences(before, after)]


@given(value=VALUES)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert found(value, json.loads(json.dumps(value))) == []


@given(before=VALUES, after=VALUES)
def test_values_that_differ_have_a_difference_and_turned_round_its_inverse(
    before: Any, after: Any
) -> None:
    there, back = found(before, after), found(after, before)
    assert bool(there) == (not same(before, after))
    assert sorted(map(repr, there)) == sorted(repr((name, b, a)) for name, a, b in back)


def test_items_are_told_by_name_and_expressions_as_a_whole() -> None:
    before = {"Inputs": [{"InputName": "x", "S3Uri": "s3://a"}, {"InputName": "y", "S3Uri": "b"}]}
    after = {"Inputs": [{"InputName": "x", "S3Uri": {"Get": "Parameters.X"}}], "Count": 1}
    assert found(before, after) == [
        ("Inputs[x].S3Uri", "s3://a", {"Get": "Parameters.X"}),
        ("Inputs[y]", {"InputName": "y", "S3Uri": "b"}, MISSING),
        ("Count", MISSING, 1),
    ]


def test_true_is_not_one_and_null_is_not_nothing() -> None:
    assert found({"a": True, "b": None, "c": {}}, {"a": 1}) == [
        ("a", True, 1),
        ("b", None, MISSING),
        ("c", {}, MISSING),
    ]


def test_the_same_items_in_another_order_are_one_difference() -> None:
    one, other = [{"Name": "a"}, {"Name": "b"}], [{"Name": "b"}, {"Name": "a"}]
    assert list(differences(one, other)) == [
        Difference(("[order]",), ["[a]", "[b]"], ["[b]", "[a]"])
    ]


def test_a_tree_that_one_side_alone_has_goes_by_its_origin() -> None:
    file = CodeFile("a.py", 1, "0" * 64)
    old, new, kept = (CodeTree(digit * 64, (file,), f"scripts {digit}") for digit in "123")
    uris = [f"s3://bucket/code/{tree.sha256}/a.py" for tree in (old, new, kept)]
    assert name_changed_trees({"uris": uris}, [old, kept], [new, kept]) == {
        "uris": ["s3://bucket/code/<scripts 1>/a.py", "s3://bucket/code/<scripts 2>/a.py", uris[2]]
    }
