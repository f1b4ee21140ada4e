"""The order of what waits for each other."""

from __future__ import annotations

from graphlib import CycleError
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.definition.order import cycle_in, topological

NAMES = [f"step-{number}" for number in range(8)]
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=4), max_size=8
).map(lambda found: {name: [n for n in waits if n in found] for name, waits in found.items()})


@given(GRAPHS)
def test_each_step_is_the_first_as_written_of_those_that_can_be_next(
    waits_for: dict[str, list[str]],
) -> None:
    if cycle_in(waits_for) is not None:
        with pytest.raises(CycleError):
            topological(waits_for)
        return
    order = topological(waits_for)
    done: set[str] = set()
    for step in order:
        assert step == next(n for n in waits_for if n not in done and done.issuperset(waits_for[n]))
        done.add(step)
    assert done == set(waits_for)


@given(GRAPHS)
def test_a_cycle_is_in_order_of_execution(waits_for: dict[str, list[str]]) -> None:
    cycle = cycle_in(waits_for)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(before in waits_for[then] for before, then in pairwise(cycle))


def test_a_long_chain_needs_no_recursion() -> None:
    waits_for = {f"s{index}": [f"s{index - 1}"] for index in range(1, 5000)} | {"s0": []}
    assert cycle_in(waits_for) is None
    assert topological(waits_for)[:2] == ("s0", "s1")
    assert cycle_in({**waits_for, "s0": ["s4999"]}) is not None


def test_fails_for_one_that_is_no_key() -> None:
    with pytest.raises(KeyError):
        topological({"a": ["b"]})
