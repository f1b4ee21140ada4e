"""Plots take any values, and stay small."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.local.report.plots import HEIGHT, WIDTH, nice_ticks, plot, thin_out

NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")


def test_a_value_that_is_not_finite_leaves_a_gap() -> None:
    drawing = plot([1.0, 2.0, math.nan, 3.0, math.inf, 2.0], "label")
    path = ElementTree.fromstring(drawing).find("path[@class='curve']")
    assert path is not None
    assert path.get("d", "").count("M") == 3


def test_a_value_between_two_gaps_is_a_dot() -> None:
    drawing = plot([1.0, 2.0, math.nan, 3.0, math.nan, 2.0, 1.0], "label")
    dots = ElementTree.fromstring(drawing).findall("circle")
    assert len(dots) == 2, "the lone value and the last one"


def test_extremes_of_a_stretch_that_begins_without_a_number_are_kept() -> None:
    values = [math.nan if n % 100 < 3 else 1.0 for n in range(10_000)]
    values[4321], values[8765] = 9.0, -9.0
    points = thin_out(list(enumerate(values, start=1)))
    assert {(4322, 9.0), (8766, -9.0)} <= set(points)
    assert sum(math.isnan(value) for _, value in points) == 100
    assert len(points) <= 401


def test_no_finite_value_gives_no_plot() -> None:
    assert plot([math.nan], "label") == ""


def test_ten_thousand_values_are_thinned_and_the_extremes_kept() -> None:
    values = [math.sin(n / 50) for n in range(10_000)]
    values[4321] = 9.0
    points = thin_out(list(enumerate(values, start=1)))
    assert len(points) <= 400
    assert (4322, 9.0) in points
    assert points[0][0] == 1
    assert points[-1][0] == 10_000


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0.783, 0.845, [0.78, 0.8, 0.82, 0.84, 0.86]),
        (5, 5, [5]),
        (-3, 4, [-4, -2, 0, 2, 4]),
    ],
)
def test_ticks_are_round_and_span_the_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high, 4) == pytest.approx(ticks)


@given(st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=50))
def test_every_point_is_inside_the_picture(values: list[float]) -> None:
    for path in ElementTree.fromstring(plot(values, "any")).iter("path"):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d", "")):
            assert -0.1 <= float(x) <= WIDTH
            assert -0.1 <= float(y) <= HEIGHT
