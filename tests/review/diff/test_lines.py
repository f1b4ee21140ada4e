"""Line counts are those of the shortest edit, and stay quick on large files."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from smp.review.diff.code import changed_lines

LINES = st.lists(st.sampled_from("abcd"), max_size=9)


def longest_common(before: list[str], after: list[str]) -> int:
    """The textbook table, to compare with."""
    row = [0] * (len(after) + 1)
    for one in before:
        last = 0
        for index, other in enumerate(after):
            above = row[index + 1]
            row[index + 1] = last + 1 if one == other else max(above, row[index])
            last = above
    return row[-1]


@given(before=LINES, after=LINES)
def test_the_counts_are_the_smallest_possible(before: list[str], after: list[str]) -> None:
    common = longest_common(before, after)
    assert changed_lines(before, after) == (len(after) - common, len(before) - common)


@given(before=LINES, after=LINES)
def test_turned_round_they_change_places(before: list[str], after: list[str]) -> None:
    assert changed_lines(before, after) == changed_lines(after, before)[::-1]


def test_a_large_file_that_is_all_new_takes_no_time() -> None:
    before = [f"old {number}" for number in range(40_000)]
    after = [f"new {number}" for number in range(30_000)]
    began = time.process_time()
    assert changed_lines(before, after) == (30_000, 40_000)
    assert time.process_time() - began < 1


def test_a_large_file_in_another_order_is_counted_by_what_is_there() -> None:
    before = [f"line {number}" for number in range(10_000)]
    began = time.process_time()
    assert changed_lines(before, before[::-1]) == (0, 0)
    assert time.process_time() - began < 6
