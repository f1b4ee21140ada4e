"""Draws numbers as small SVG plots: a line for a curve, dots for trials.

It never knows what the numbers mean; its caller writes the words around a plot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from smp.local.report.markup import Html, element
from smp.local.wording import number
from smp.review.svg import px

WIDTH, HEIGHT = 340.0, 170.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 12.0, 26.0
MAX_POINTS = 400

Point = tuple[float, float]


def plot(
    values: Sequence[float], label: str, *, dots: bool = False, best: int | None = None
) -> Html:
    """Plot values by their number, which counts from 1; those that are not finite leave a gap.

    `best` is the number of the value to point out.
    """
    points = [(index, value) for index, value in enumerate(values, start=1)]
    finite = [value for _, value in points if math.isfinite(value)]
    if not finite:
        return Html()
    ticks = nice_ticks(min(finite), max(finite), 4)
    bottom, top = min(ticks[0], min(finite)), max(ticks[-1], max(finite))
    scale = _Scale(len(points), bottom, top)
    return element(
        "svg",
        *(_value_tick(scale, tick) for tick in ticks),
        *(_count_tick(scale, tick) for tick in _count_ticks(len(points))),
        *(_dots(scale, points, best) if dots else _line(scale, thin_out(points))),
        class_="plot",
        viewBox=f"0 0 {px(WIDTH)} {px(HEIGHT)}",
        role="img",
        aria_label=label,
    )


class _Scale:
    def __init__(self, count: int, bottom: float, top: float) -> None:
        self.count = max(count, 2)
        self.bottom, self.top = bottom, top if top > bottom else bottom + 1

    def x(self, index: float) -> float:
        return LEFT + (index - 1) / (self.count - 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self.bottom) / (self.top - self.bottom)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _value_tick(scale: _Scale, value: float) -> Html:
    y = scale.y(value)
    line = element("path", class_="grid", d=f"M{px(LEFT)} {px(y)}H{px(WIDTH - RIGHT)}")
    text = element("text", number(value), x=px(LEFT - 6), y=px(y + 3.5), text_anchor="end")
    return Html(line + text)


def _count_tick(scale: _Scale, index: int) -> Html:
    x = px(scale.x(index))
    return element("text", f"{index:,}", x=x, y=px(HEIGHT - 8), text_anchor="middle")


def _line(scale: _Scale, points: Sequence[Point]) -> list[Html]:
    path, pen = "", "M"
    last: Point | None = None
    for index, value in points:
        if math.isfinite(value):
            path += f"{pen}{px(scale.x(index))} {px(scale.y(value))}"
            pen, last = "L", (index, value)
        else:
            pen = "M"
    end = [_dot(scale, last)] if last else []
    return [element("path", class_="curve", d=path), *end]


def _dots(scale: _Scale, points: Sequence[Point], best: int | None) -> list[Html]:
    finite = [point for point in points if math.isfinite(point[1])]
    return [_dot(scale, point, "best" if point[0] == best else "dot") for point in finite]


def _dot(scale: _Scale, point: Point, kind: str = "dot") -> Html:
    x, y = px(scale.x(point[0])), px(scale.y(point[1]))
    return element("circle", class_=kind, cx=x, cy=y, r=5 if kind == "best" else 3)


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Return about `count` round numbers that span from `low` to `high`."""
    span = high - low
    if not math.isfinite(span) or span <= abs(high) * 1e-12:
        return [low]
    rough = span / count
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) if abs(step) > 1e-9 else n * step for n in range(first, last + 1)]


def _count_ticks(count: int) -> list[int]:
    inner = {round(tick) for tick in nice_ticks(1, count, 4) if count * 0.1 < tick < count * 0.9}
    return sorted({1, count} | inner)


def thin_out(points: Sequence[Point]) -> list[Point]:
    """Return at most about 400 points: of each stretch the lowest, the highest and the last."""
    stretch = -(-len(points) // (MAX_POINTS // 4))
    if stretch <= 4:
        return list(points)
    kept: set[Point] = {points[0]}
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        kept |= {min(part, key=_value), max(part, key=_value), part[-1]}
    return sorted(kept)


def _value(point: Point) -> float:
    return point[1]
