"""The order in which a state machine starts steps: nobody too early, and as few as possible too late."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smp.definition.compiled import CompiledPipeline
from smp.export.stepfunctions.blocks import Block, Fork, Item, plan_blocks, steps_of
from smp.export.stepfunctions.export import export_state_machine
from smp.export.workflow import read_workflow
from tests.export.definitions import pipeline, processing

Graph = dict[str, list[str]]


def pipeline_of(graph: Graph, most: int | None = None) -> CompiledPipeline:
    """A pipeline whose steps wait for others by name."""
    return pipeline(
        *(processing(name, DependsOn=above) for name, above in graph.items()), most=most
    )


def block_of(graph: Graph, most: int | None = None) -> Block:
    return plan_blocks(read_workflow(pipeline_of(graph)), most)


def drawn(block: Block) -> str:
    """Write a block down: steps one after the other, branches in brackets."""
    return " ".join(_drawn(item) for item in block)


def _drawn(item: Item) -> str:
    if isinstance(item, str):
        return item
    return f"({' | '.join(drawn(branch) for branch in item.branches)})"


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": [], "b": ["a"], "c": ["b"]}, "a b c"),
        ({"a": [], "b": []}, "(a | b)"),
        ({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, "a (b | c) d"),
        ({"a": [], "b": ["a"], "c": [], "d": ["c"], "e": ["b", "d"]}, "(a b | c d) e"),
        (
            {"a": [], "b": [], "c": [], "d": ["a", "b"], "e": ["c", "d"]},
            "((a | b) d | c) e",
        ),
        ({"a": [], "b": [], "c": ["a", "b"], "d": ["a", "b"]}, "(a | b) (c | d)"),
        ({"a": [], "b": [], "c": ["a"], "d": ["a", "b"]}, "(a c | b) d"),
    ],
    ids=["chain", "apart", "diamond", "two chains", "nested", "crossed", "not nested"],
)
def test_a_graph_becomes_its_parts(graph: Graph, expected: str) -> None:
    assert drawn(block_of(graph)) == expected


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 12))
    graph: Graph = {}
    for number in range(count):
        known = list(graph)
        above = draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []
        graph[f"s{number}"] = above
    return graph


def _starts(block: Block, before: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each step with all that has ended when it starts."""
    for item in block:
        if isinstance(item, Fork):
            for branch in item.branches:
                yield from _starts(branch, before)
        else:
            yield item, before
        before |= frozenset(steps_of((item,)))


def _width(block: Block) -> int:
    widths = [sum(map(_width, item.branches)) if isinstance(item, Fork) else 1 for item in block]
    return max(widths, default=0)


@settings(deadline=None, max_examples=200)
@given(graph=graphs(), most=st.sampled_from([None, 1, 2, 3]))
def test_every_step_starts_once_after_all_it_waits_for_and_no_more_at_once_than_said(
    graph: Graph, most: int | None
) -> None:
    block = block_of(graph, most)
    assert sorted(steps_of(block)) == sorted(graph)
    for step, before in _starts(block, frozenset()):
        assert before >= set(graph[step])
    if most is not None:
        assert _width(block) <= most


def test_what_waits_for_more_than_it_has_to_is_said() -> None:
    crossed = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"], "e": ["d"]}
    assert export_state_machine(pipeline_of(crossed)).differences == (
        "d waits for c, too: branches of a state machine end together",
    )
    nested = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    assert export_state_machine(pipeline_of(nested)).differences == ()
