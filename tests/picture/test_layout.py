"""The layout's promises, over generated graphs."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smp.picture.layout import BOX_GAP, lay_out
from smp.picture.positions import separate
from smp.picture.rows import crossings, neighbours_of, order_rows, rank

Graph = tuple[int, list[tuple[int, int]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 14))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    edges = draw(st.sets(pairs.filter(lambda pair: pair[0] < pair[1]), max_size=30))
    return count, sorted(edges)


@given(graphs())
def test_every_edge_leads_downward_and_no_row_is_empty(graph: Graph) -> None:
    count, edges = graph
    ranks = rank(count, edges)
    assert all(ranks[source] < ranks[target] for source, target in edges)
    assert set(ranks) == set(range(max(ranks) + 1))


@given(graphs())
def test_boxes_of_a_row_keep_their_distance(graph: Graph) -> None:
    count, edges = graph
    layout = lay_out([(100.0, 50.0)] * count, edges)
    rows: dict[float, list[float]] = {}
    for x, y in layout.centres:
        rows.setdefault(y, []).append(x)
    for row in rows.values():
        assert all(right - left >= 100 + BOX_GAP - 1e-6 for left, right in pairwise(sorted(row)))


@given(graphs())
def test_edges_start_and_end_at_the_boxes_they_join(graph: Graph) -> None:
    count, edges = graph
    layout = lay_out([(100.0, 50.0)] * count, edges)
    for (source, target), route in zip(edges, layout.routes, strict=True):
        for (x, y), (box_x, box_y), side in (
            (route[0], layout.centres[source], 25),
            (route[-1], layout.centres[target], -25),
        ):
            assert abs(x - box_x) <= 50
            assert abs(y - box_y - side) < 1e-6
        assert all(below[1] >= above[1] for above, below in pairwise(route))


@given(graphs())
def test_long_edges_run_straight_down_between_their_ends(graph: Graph) -> None:
    count, edges = graph
    layout = lay_out([(100.0, 50.0)] * count, edges)
    for route in layout.routes:
        bends = route[1:-1]
        assert all(a[0] == b[0] for a, b in zip(bends[::2], bends[1::2], strict=True))


def test_a_chain_is_one_straight_line() -> None:
    layout = lay_out([(100.0, 50.0)] * 4, [(0, 1), (1, 2), (2, 3)])
    assert {x for x, _ in layout.centres} == {50.0}
    assert all(len({x for x, _ in route}) == 1 for route in layout.routes)


def test_a_source_stands_just_above_its_first_use() -> None:
    assert rank(5, [(0, 1), (1, 2), (2, 3), (4, 3)]) == [0, 1, 2, 3, 2]


def test_crossings_are_counted_and_ordered_away() -> None:
    above, below = neighbours_of(4, [(0, 3), (1, 2)])
    assert crossings([0, 1], [2, 3], below) == 1
    upper, lower = order_rows([[0, 1], [2, 3]], above, below)
    assert crossings(upper, lower, below) == 0


def test_places_move_as_little_as_needed() -> None:
    assert separate([0.0, 0.0, 50.0], [10.0, 10.0]) == [-5.0, 5.0, 50.0]
