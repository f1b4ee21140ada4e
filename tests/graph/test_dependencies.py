"""Lines of `dependencies`, and cycles."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.graph import build_graph
from smp.graph.dependencies import find_cycle, links, read_line
from tests.graph.workspace import load, pipeline_of

STEPS = "a: Processing\nb: Processing\nc: Processing"

NAMES = [f"step-{number}" for number in range(8)]
GRAPHS = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), unique=True, max_size=5), max_size=8
)


@pytest.mark.parametrize(
    "dependencies",
    [
        "a >> b >> c",
        "a>>b>>c",
        "'  a>> b  >>c '",
        "[a >> b >> c]",
        "[a >> b, b>>c]",
        "[a >> b, b >> c, a >> b]",
    ],
)
def test_every_way_to_write_an_order(dependencies: str, tmp_path: Path) -> None:
    graph = build_graph(load(tmp_path, pipeline_of(STEPS, dependencies)), "demo")
    assert [node.after for node in graph.steps] == [(), ("a",), ("b",)]


def test_an_order_may_cross_models(tmp_path: Path) -> None:
    text = pipeline_of("@demo\na: Processing\n@other\nb: Processing", "[b >> a]")
    graph = build_graph(load(tmp_path, text), "demo")
    assert graph.node("a").after == ("b",)
    assert [node.name for node in graph.in_order()] == ["b", "a"]


def test_ties_keep_the_order_written(tmp_path: Path) -> None:
    graph = build_graph(load(tmp_path, pipeline_of(STEPS, "[c >> a]")), "demo")
    assert [node.name for node in graph.in_order()] == ["b", "c", "a"]


def test_an_empty_name_stays_to_be_reported() -> None:
    assert read_line(">> a >>") == ["", "a", ""]
    assert list(links(["a", "b", "c"])) == [("a", "b"), ("b", "c")]


@given(GRAPHS)
def test_a_cycle_is_found_exactly_where_no_order_exists(upstream: dict[str, list[str]]) -> None:
    known = {
        name: [other for other in others if other in upstream] for name, others in upstream.items()
    }
    try:
        TopologicalSorter(known).prepare()
    except CycleError:
        assert find_cycle(upstream) is not None
    else:
        assert find_cycle(upstream) is None


@given(GRAPHS)
def test_what_is_reported_is_a_cycle_in_order_of_execution(upstream: dict[str, list[str]]) -> None:
    cycle = find_cycle(upstream)
    if cycle is not None:
        assert cycle[0] == cycle[-1]
        assert len(set(cycle)) == len(cycle) - 1
        assert all(before in upstream[then] for before, then in links(cycle))


def test_a_long_chain_needs_no_recursion() -> None:
    upstream = {f"s{index}": [f"s{index - 1}"] for index in range(5000)}
    assert find_cycle(upstream) is None
    assert find_cycle({**upstream, "s0": ["s4999"]}) is not None
