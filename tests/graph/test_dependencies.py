"""Lines of `dependencies`."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.graph import build_graph
from smp.graph.check import links, read_line
from tests.graph.workspace import load, pipeline_of

STEPS = "a: Processing\nb: Processing\nc: Processing"


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
