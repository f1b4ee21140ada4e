"""Draws numbers as small SVG plots: a line for a curve, dots for trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from smp.local.report.markup import Html, element
from smp.picture.svg import px
from smp.text.human import number

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
    """Draw each stretch of finite values, one of a single value as a dot; the last value has one too."""
    stretches = [list(part) for is_finite, part in groupby(points, _is_finite) if is_finite]
    path = "".join("M" + "L".join(_place(scale, point) for point in part) for part in stretches)
    lone = [part[0] for part in stretches[:-1] if len(part) == 1]
    ends = [_dot(scale, point) for point in (*lone, stretches[-1][-1])]
    return [element("path", class_="curve", d=path), *ends]


def _place(scale: _Scale, point: Point) -> str:
    return f"{px(scale.x(point[0]))} {px(scale.y(point[1]))}"


def _is_finite(point: Point) -> bool:
    return math.isfinite(point[1])


def _dots(scale: _Scale, points: Sequence[Point], best: int | None) -> list[Html]:
    finite = filter(_is_finite, points)
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
    """Return at most about 400 points: of each stretch the lowest, the highest, the last and one gap."""
    stretch = -(-len(points) // (MAX_POINTS // 4))
    if stretch <= 4:
        return list(points)
    kept: set[Point] = {points[0]}
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        finite = [point for point in part if _is_finite(point)]
        extremes = {min(finite, key=_value), max(finite, key=_value)} if finite else set()
        gaps = [point for point in part if not _is_finite(point)]
        kept |= extremes | {*gaps[:1], part[-1]}
    return sorted(kept)


def _value(point: Point) -> float:
    return point[1]
