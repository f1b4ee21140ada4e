"""The picture of a pipeline as one self-contained SVG: light and dark, with its text read aloud.

It draws the `Dag` that `smp.review.dag` read, where `smp.review.layout` says; the same pipeline
gives the same bytes. It never takes text into the SVG unescaped and never loads a font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from smp.review.dag import Dag, Step
from smp.review.layout import Layout, Point, lay_out
from smp.review.style import DARK, ICONS, OTHER_ICON, style_sheet, text_width

MARGIN = 28.0
HEADER = 58.0
LEGEND_ROW = 24.0
NAME_SIZE, SMALL_SIZE, TYPE_SIZE = 13.5, 11.5, 11.0
NAME_LINE, SMALL_LINE = 17.0, 16.0
TEXT_LEFT, TEXT_RIGHT = 18.0, 16.0
PADDING = 11.0
ICON = 16.0
MAX_NAME_WIDTH = 270.0
MIN_BOX_WIDTH = 150.0
WIDEST_NARROW_LEGEND = 560.0
"""A legend up to this width stands in one line, even where the boxes need less room."""

NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_svg(dag: Dag) -> str:
    """Return the picture as SVG text."""
    boxes = [_measure(step) for step in dag.steps]
    box_width = max((box.width for box in boxes), default=0.0)
    numbers = {step.name: number for number, step in enumerate(dag.steps)}
    layout = lay_out(
        [(box_width, box.height) for box in boxes],
        [(numbers[edge.source], numbers[edge.target]) for edge in dag.edges],
    )
    entries = _legend_entries(dag)
    legend_width = min(sum(entry.width for entry in entries), WIDEST_NARROW_LEGEND)
    width = max(layout.width, _header_width(dag), legend_width)
    legend = _legend_rows(entries, width)
    height = HEADER + layout.height + (len(legend) + 0.6) * LEGEND_ROW * bool(legend)
    left = MARGIN + (width - layout.width) / 2
    lines = [
        *_opening(dag, width + 2 * MARGIN, height + 2 * MARGIN),
        *_header(dag),
        *_edges(dag, layout, left, MARGIN + HEADER),
        *_boxes(dag, boxes, box_width, layout, left, MARGIN + HEADER),
        *_legend(legend, MARGIN + HEADER + layout.height + LEGEND_ROW * 1.1),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Box:
    name_lines: tuple[str, ...]
    detail: str
    width: float
    height: float


def _measure(step: Step) -> _Box:
    lines = _wrap(step.name)
    detail = " · ".join(part for part in (step.instances, _cache_note(step)) if part)
    inner = max(
        ICON + 6 + text_width(step.type, TYPE_SIZE + 0.5),
        text_width(detail, SMALL_SIZE),
        *(text_width(line, NAME_SIZE) for line in lines),
    )
    height = 2 * PADDING + SMALL_LINE + NAME_LINE * len(lines) + SMALL_LINE * bool(detail)
    return _Box(lines, detail, max(MIN_BOX_WIDTH, inner + TEXT_LEFT + TEXT_RIGHT), height)


def _cache_note(step: Step) -> str:
    return f"cached {step.cached_for}" if step.cached_for else ""


def _wrap(name: str) -> tuple[str, ...]:
    """Break a long name after a dash or underscore, or anywhere where it has none."""
    lines = [""]
    for part in re.findall(r"[^-_]{1,24}[-_]*|[-_]+", name):
        if lines[-1] and text_width(lines[-1] + part, NAME_SIZE) > MAX_NAME_WIDTH:
            lines.append("")
        lines[-1] += part
    return tuple(lines)


def _opening(dag: Dag, width: float, height: float) -> Iterator[str]:
    slug = _slug(dag)
    size = f"{_px(width)} {_px(height)}"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="smp-dag" role="img" viewBox="0 0 {size}"'
        f' width="{_px(width)}" height="{_px(height)}"'
        f' aria-labelledby="{slug}-title {slug}-desc">'
    )
    yield f'  <title id="{slug}-title">Pipeline {_text(dag.name)}</title>'
    yield f'  <desc id="{slug}-desc">{_text(describe(dag))}</desc>'
    yield f"  <style>\n  {style_sheet().replace(chr(10), chr(10) + '  ')}\n  </style>"
    yield (
        f'  <defs><marker id="{slug}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="head" d="M0 0.5L8 4L0 7.5z"/></marker></defs>'
    )
    yield f'  <rect class="page" width="{_px(width)}" height="{_px(height)}" rx="12"/>'


def describe(dag: Dag) -> str:
    """Say in words what the picture shows: every step, its kind and what it waits for."""
    sentences = [f"{_count(len(dag.steps), 'step')}."]
    for step in dag.steps:
        sources = [edge.source for edge in dag.edges if edge.target == step.name]
        waits = f" after {', '.join(sources)}" if sources else ""
        sentences.append(f"{step.name} ({step.type}){waits}.")
    return " ".join(sentences)


def _header(dag: Dag) -> Iterator[str]:
    yield f'  <text class="title" x="{_px(MARGIN)}" y="{_px(MARGIN + 14)}">{_text(dag.name)}</text>'
    yield (
        f'  <text class="small muted" x="{_px(MARGIN)}" y="{_px(MARGIN + 33)}">'
        f"{_text(_summary(dag))}</text>"
    )


def _summary(dag: Dag) -> str:
    counts = [_count(len(dag.steps), "step")]
    if len(dag.models) == 1:
        counts.append(dag.models[0])
    elif dag.models:
        counts.append(_count(len(dag.models), "model"))
    return " · ".join(counts)


def _header_width(dag: Dag) -> float:
    return max(text_width(dag.name, 19), text_width(_summary(dag), SMALL_SIZE))


def _edges(dag: Dag, layout: Layout, left: float, top: float) -> Iterator[str]:
    slug = _slug(dag)
    for edge, route in zip(dag.edges, layout.routes, strict=True):
        kind = "edge" if edge.carries_data else "edge order"
        path = _curve([(x + left, y + top) for x, y in route])
        yield (
            f'  <path class="{kind}" d="{path}" marker-end="url(#{slug}-head)">'
            f"<title>{_text(edge.source)} → {_text(edge.target)}</title></path>"
        )


def _curve(points: Sequence[Point]) -> str:
    """Draw straight down inside rows and as an S between them."""
    (x, y), *rest = points
    path = f"M{_px(x)} {_px(y)}"
    for index, (next_x, next_y) in enumerate(rest):
        if index % 2 == 1:
            path += f"V{_px(next_y)}"
        else:
            middle = (y + next_y) / 2
            path += (
                f"C{_px(x)} {_px(middle)} {_px(next_x)} {_px(middle)} {_px(next_x)} {_px(next_y)}"
            )
        x, y = next_x, next_y
    return path


def _boxes(
    dag: Dag, boxes: Sequence[_Box], width: float, layout: Layout, left: float, top: float
) -> Iterator[str]:
    for step, box, (x, y) in zip(dag.steps, boxes, layout.centres, strict=True):
        corner = (x + left - width / 2, y + top - box.height / 2)
        yield f'  <g transform="translate({_px(corner[0])} {_px(corner[1])})">'
        yield from _box(step, box, width, _accent(dag, step.model))
        yield "  </g>"


def _box(step: Step, box: _Box, width: float, accent: str) -> Iterator[str]:
    tooltip = " · ".join(part for part in (step.name, step.type, step.model) if part)
    yield f"    <title>{_text(tooltip)}</title>"
    yield f'    <rect class="card" width="{_px(width)}" height="{_px(box.height)}" rx="8"/>'
    yield _bar(accent, box.height)
    yield (
        f'    <path class="icon {accent}" transform="translate({_px(TEXT_LEFT)} {_px(PADDING - 2)})'
        f' scale({ICON / 18:.3f})" d="{ICONS.get(step.type, OTHER_ICON)}"/>'
    )
    baseline = PADDING + 10
    yield _line("type muted", TEXT_LEFT + ICON + 5, baseline, step.type)
    for line in box.name_lines:
        baseline += NAME_LINE + (2 if line == box.name_lines[0] else 0)
        yield _line("name", TEXT_LEFT, baseline, line)
    if box.detail:
        yield _line("small muted", TEXT_LEFT, baseline + SMALL_LINE, box.detail)


def _bar(accent: str, height: float) -> str:
    return f'    <rect class="{accent}" x="5" y="9" width="4" height="{_px(height - 18)}" rx="2"/>'


def _line(classes: str, x: float, y: float, text: str) -> str:
    return f'    <text class="{classes}" x="{_px(x)}" y="{_px(y)}">{_text(text)}</text>'


@dataclass(frozen=True)
class _Entry:
    mark: str
    """What stands before the words: an accent class, `edge` or `edge order`."""
    words: str

    @property
    def mark_width(self) -> float:
        return 28.0 if self.mark.startswith("edge") else 12.0

    @property
    def width(self) -> float:
        return self.mark_width + 8 + text_width(self.words, SMALL_SIZE) + 14


def _legend_entries(dag: Dag) -> list[_Entry]:
    entries = []
    if len(dag.models) > 1:
        entries += [_Entry(_accent(dag, model), model) for model in dag.models]
    if any(edge.carries_data for edge in dag.edges):
        entries.append(_Entry("edge", "passes data on"))
    if any(not edge.carries_data for edge in dag.edges):
        entries.append(_Entry("edge order", "waits, no data"))
    return entries


def _legend_rows(entries: Sequence[_Entry], width: float) -> list[list[_Entry]]:
    rows: list[list[_Entry]] = []
    used = width + 1
    for entry in entries:
        if used + entry.width > width:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += entry.width
    return rows


def _legend(rows: Sequence[Sequence[_Entry]], top: float) -> Iterator[str]:
    for number, row in enumerate(rows):
        x, y = MARGIN, top + number * LEGEND_ROW
        for entry in row:
            if entry.mark.startswith("edge"):
                mark = (
                    f'<path class="{entry.mark}" d="M{_px(x)} {_px(y)}h{_px(entry.mark_width)}"/>'
                )
            else:
                mark = (
                    f'<rect class="{entry.mark}" x="{_px(x)}" y="{_px(y - 6)}"'
                    ' width="12" height="12" rx="3"/>'
                )
            yield f"  {mark}"
            yield _line("small muted", x + entry.mark_width + 8, y + 4, entry.words)
            x += entry.width


def _accent(dag: Dag, model: str) -> str:
    number = dag.models.index(model) if model else 0
    return f"m{number % len(DARK.accents)}"


def _slug(dag: Dag) -> str:
    return "dag-" + re.sub(r"[^A-Za-z0-9-]", "-", dag.name)


def _text(text: str) -> str:
    return escape(NOT_XML.sub("\ufffd", text))


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
