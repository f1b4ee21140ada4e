"""What the expressions of InputFilter and OutputFilter select."""

from __future__ import annotations

from typing import Any

import pytest

from smp.local.serving.container.selection import parse_selection, select

RECORD = {"id": 7, "x": [1, 2, 3, 4], "who": {"name": "a", "age": 3, "odd key": True}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", RECORD),
        ("$.id", 7),
        ("$['id']", 7),
        ('$["id"]', 7),
        ("$.who.name", "a"),
        ("$.who['odd key']", True),
        ("$['id', 'x']", {"id": 7, "x": [1, 2, 3, 4]}),
        ("$.who.['name','age']", {"name": "a", "age": 3}),
        ("$.x[0]", 1),
        ("$.x[-1]", 4),
        ("$.x[0,-1]", [1, 4]),
        ("$.x[1:]", [2, 3, 4]),
        ("$.x[:2]", [1, 2]),
        ("$.x[1:3]", [2, 3]),
        ("$.x[:]", [1, 2, 3, 4]),
        ("$.x[-2:]", [3, 4]),
        ("$.x[0,2:]", [1, 3, 4]),
        ("$.x[3,0:2]", [4, 1, 2]),
        ("$.x[ 1 , 2 ]", [2, 3]),
        ("$.x[*]", [1, 2, 3, 4]),
        ("$.who.*", ["a", 3, True]),
    ],
)
def test_selects(path: str, expected: Any) -> None:
    assert select(RECORD, parse_selection(path)) == expected


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("$.y", "there is no 'y'; there is: id, x, who"),
        ("$.id.z", "'z' is selected from the value 7"),
        ("$.x[4]", "index 4 is outside the record, which has 4 values"),
        ("$.x[-5]", "index -5 is outside the record, which has 4 values"),
        ("$.x[4:]", "index 4 is outside the record"),
        ("$.x[1:5]", "index 5 is outside the record"),
        ("$.who[0]", "an index is selected from the value"),
        ("$.id.*", "* is selected from the value 7"),
    ],
)
def test_fails_on_what_is_not_there(path: str, reason: str) -> None:
    with pytest.raises(LookupError) as raised:
        select(RECORD, parse_selection(path))
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("x", "'x' must begin with $"),
        ("", "'' must begin with $"),
        ("$..x", "cannot be read at character 2"),
        ("$.", "cannot be read at character 2"),
        ("$x", "cannot be read at character 2"),
        ("$.x[0:4:2]", "cannot be read at character 5"),
        ("$.x[0,]", "cannot be read at character 5"),
        ("$.x[]", "cannot be read at character 4"),
        ("$.x[?(@>1)]", "cannot be read at character 5"),
        ("$['id'", "cannot be read at character 2"),
        ("$['id', 0]", "mixes names and numbers"),
    ],
)
def test_fails_on_what_cannot_be_read(path: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_selection(path)
    assert reason in str(raised.value)
