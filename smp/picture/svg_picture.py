"""The picture of a pipeline as one self-contained SVG: light and dark, with its text read aloud.

It draws the `Dag` of `smp.picture.dag` at the places of `smp.picture.layout`; the same pipeline
gives the same bytes. It never takes text into the SVG unescaped and never loads a font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from smp.definition.step_types import row_named
from smp.picture.dag import Dag, Edge, Step
from smp.picture.layout import Layout, Point, lay_out
from smp.picture.legend import (
    LEGEND_ROW,
    SMALL_SIZE,
    Entry,
    accent,
    draw_legend,
    legend_entries,
    legend_rows,
)
from smp.picture.style import style_sheet, text_width
from smp.picture.svg import px, svg_attribute, svg_text, text_line

MARGIN = 28.0
HEADER = 58.0
NAME_SIZE, TYPE_SIZE = 13.5, 11.0
NAME_LINE, SMALL_LINE = 17.0, 16.0
TEXT_LEFT, TEXT_RIGHT = 18.0, 16.0
PADDING = 11.0
ICON = 16.0
MAX_NAME_WIDTH = 270.0
MIN_BOX_WIDTH = 150.0
WIDEST_NARROW_LEGEND = 560.0
"""A legend up to this width is one line, even if the boxes need less room."""


@dataclass(frozen=True)
class Mark:
    """What else to show of a step: a class for its colours, an icon's path, words, and a link."""

    css_class: str
    icon: str
    words: str
    href: str = ""


@dataclass(frozen=True)
class Overlay:
    """What to show in addition to the DAG: classes of edges, rules for them, and their legend."""

    edges: Mapping[tuple[str, str], str]
    legend: tuple[Entry, ...] = ()
    style: str = ""
    summary: str = ""


NO_OVERLAY = Overlay({})

_DECIDED = {
    "if it holds": "if {} holds",
    "else": "if {} does not hold",
    "for each": "for each item of {}",
}


def render_svg(
    dag: Dag, marks: Mapping[str, Mark] | None = None, overlay: Overlay = NO_OVERLAY
) -> str:
    """Return the picture as SVG text.

    `marks` by step name puts its words in the place of the instances and the cache, and its icon into
    the box's corner; anyone who embeds the picture, or the overlay, gives the classes their colours.
    """
    marked = marks or {}
    decided = {edge.target: edge.decides for edge in dag.edges if edge.decides}
    boxes = [
        _measure(step, marked.get(step.name), decided.get(step.name, "")) for step in dag.steps
    ]
    box_width = max((box.width for box in boxes), default=0.0)
    numbers = {step.name: number for number, step in enumerate(dag.steps)}
    layout = lay_out(
        [(box_width, box.height) for box in boxes],
        [(numbers[edge.source], numbers[edge.target]) for edge in dag.edges],
    )
    entries = [*overlay.legend, *legend_entries(dag)]
    legend_width = min(sum(entry.width for entry in entries), WIDEST_NARROW_LEGEND)
    summary = overlay.summary or _summary(dag)
    width = max(layout.width, _header_width(dag, summary), legend_width)
    legend = legend_rows(entries, width)
    height = HEADER + layout.height + (len(legend) + 0.6) * LEGEND_ROW * bool(legend)
    left = MARGIN + (width - layout.width) / 2
    lines = [
        *_opening(dag, width + 2 * MARGIN, height + 2 * MARGIN, marked, overlay.style),
        *_header(dag, summary),
        *_edges(dag, layout, (left, MARGIN + HEADER), overlay.edges),
        *_boxes(dag, boxes, layout, (left, MARGIN + HEADER)),
        *draw_legend(legend, MARGIN, MARGIN + HEADER + layout.height + LEGEND_ROW * 1.1),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class _Box:
    kind: str
    name_lines: tuple[str, ...]
    detail: str
    width: float
    height: float
    mark: Mark | None


def _measure(step: Step, mark: Mark | None, decided: str) -> _Box:
    kind = f"{step.type} · {decided}" if decided else step.type
    lines = _wrap(step.name)
    parts = (mark.words,) if mark else (step.repeats, step.instances, _cache_note(step))
    detail = " · ".join(part for part in parts if part)
    inner = max(
        (ICON + 6) * (2 if mark else 1) + text_width(kind, TYPE_SIZE + 0.5),
        text_width(detail, SMALL_SIZE),
        *(text_width(line, NAME_SIZE) for line in lines),
    )
    height = 2 * PADDING + SMALL_LINE + NAME_LINE * len(lines) + SMALL_LINE * bool(detail)
    return _Box(
        kind, lines, detail, max(MIN_BOX_WIDTH, inner + TEXT_LEFT + TEXT_RIGHT), height, mark
    )


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


def _opening(
    dag: Dag, width: float, height: float, marks: Mapping[str, Mark], style: str
) -> Iterator[str]:
    """Begin the SVG: an image, or a group where there are links, which an image would hide."""
    role = "group" if any(mark.href for mark in marks.values()) else "img"
    slug = _slug(dag)
    size = f"{px(width)} {px(height)}"
    rules = style_sheet() + (f"\n{style}" if style else "")
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="smp-dag" role="{role}" viewBox="0 0 {size}"'
        f' width="{px(width)}" height="{px(height)}"'
        f' aria-labelledby="{slug}-title {slug}-desc">'
    )
    yield f'  <title id="{slug}-title">Pipeline {svg_text(dag.name)}</title>'
    yield f'  <desc id="{slug}-desc">{svg_text(describe(dag, marks))}</desc>'
    yield f"  <style>\n  {rules.replace(chr(10), chr(10) + '  ')}\n  </style>"
    yield (
        f'  <defs><marker id="{slug}-head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"'
        ' markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="head" d="M0 0.5L8 4L0 7.5z"/></marker></defs>'
    )
    yield f'  <rect class="page" width="{px(width)}" height="{px(height)}" rx="12"/>'


def describe(dag: Dag, marks: Mapping[str, Mark] | None = None) -> str:
    """Describe in words what the picture shows: every step, its kind and what it waits for."""
    sentences = [f"{_count(len(dag.steps), 'step')}."]
    for step in dag.steps:
        waits = _waits([edge for edge in dag.edges if edge.target == step.name])
        mark = (marks or {}).get(step.name)
        words = f": {mark.words}" if mark and mark.words else ""
        sentences.append(f"{step.name} ({step.type}){waits}{words}.")
    return " ".join(sentences)


def _waits(edges: Sequence[Edge]) -> str:
    """Describe what a step waits for: data and order, and what is decided."""
    sources = [edge.source for edge in edges if not edge.decides]
    after = f" after {', '.join(sources)}" if sources else ""
    decided = [_DECIDED[edge.decides].format(edge.source) for edge in edges if edge.decides]
    return f"{after}{',' * bool(after and decided)}{''.join(f' {words}' for words in decided)}"


def _header(dag: Dag, summary: str) -> Iterator[str]:
    yield f'  <text class="title" x="{px(MARGIN)}" y="{px(MARGIN + 14)}">{svg_text(dag.name)}</text>'
    yield (
        f'  <text class="small muted" x="{px(MARGIN)}" y="{px(MARGIN + 33)}">'
        f"{svg_text(summary)}</text>"
    )


def _summary(dag: Dag) -> str:
    counts = [_count(len(dag.steps), "step")]
    if len(dag.models) == 1:
        counts.append(dag.models[0])
    elif dag.models:
        counts.append(_count(len(dag.models), "model"))
    return " · ".join(counts)


def _header_width(dag: Dag, summary: str) -> float:
    return max(text_width(dag.name, 19), text_width(summary, SMALL_SIZE))


def _edges(
    dag: Dag, layout: Layout, corner: Point, classes: Mapping[tuple[str, str], str]
) -> Iterator[str]:
    slug = _slug(dag)
    left, top = corner
    for edge, route in zip(dag.edges, layout.routes, strict=True):
        kind = _kind(edge)
        kind += f" {own}" if (own := classes.get((edge.source, edge.target))) else ""
        path = _curve([(x + left, y + top) for x, y in route])
        yield (
            f'  <path class="{kind}" d="{path}" marker-end="url(#{slug}-head)">'
            f"<title>{svg_text(_words(edge))}</title></path>"
        )


def _kind(edge: Edge) -> str:
    return "edge" if edge.carries_data else "edge decision" if edge.decides else "edge order"


def _words(edge: Edge) -> str:
    return f"{edge.source} → {edge.target}" + (f", {edge.decides}" if edge.decides else "")


def _curve(points: Sequence[Point]) -> str:
    """Draw straight down inside rows and as an S between them."""
    (x, y), *rest = points
    path = f"M{px(x)} {px(y)}"
    for index, (next_x, next_y) in enumerate(rest):
        if index % 2 == 1:
            path += f"V{px(next_y)}"
        else:
            middle = (y + next_y) / 2
            path += f"C{px(x)} {px(middle)} {px(next_x)} {px(middle)} {px(next_x)} {px(next_y)}"
        x, y = next_x, next_y
    return path


def _boxes(dag: Dag, boxes: Sequence[_Box], layout: Layout, corner: Point) -> Iterator[str]:
    width = max((box.width for box in boxes), default=0.0)
    for step, box, (x, y) in zip(dag.steps, boxes, layout.centres, strict=True):
        left, top = x + corner[0] - width / 2, y + corner[1] - box.height / 2
        mark = box.mark
        classes = f' class="{svg_attribute(mark.css_class)}"' if mark else ""
        yield f'  <g{classes} transform="translate({px(left)} {px(top)})">'
        if mark and mark.href:
            label = f"{step.name}: {mark.words}"
            yield f'    <a href="{svg_attribute(mark.href)}" aria-label="{svg_attribute(label)}">'
        yield from _box(step, box, width, accent(dag, step.model))
        if mark and mark.href:
            yield "    </a>"
        yield "  </g>"


def _box(step: Step, box: _Box, width: float, accent: str) -> Iterator[str]:
    tooltip = " · ".join(part for part in (step.name, step.type, step.model) if part)
    yield f"    <title>{svg_text(tooltip)}</title>"
    yield f'    <rect class="card" width="{px(width)}" height="{px(box.height)}" rx="8"/>'
    yield _bar(accent, box.height)
    yield (
        f'    <path class="icon {accent}" transform="translate({px(TEXT_LEFT)} {px(PADDING - 2)})'
        f' scale({ICON / 18:.3f})" d="{row_named(step.type).icon}"/>'
    )
    if box.mark:
        yield (
            f'    <path class="icon mark" transform="translate({px(width - PADDING - ICON)}'
            f' {px(PADDING - 2)}) scale({ICON / 18:.3f})" d="{svg_attribute(box.mark.icon)}"/>'
        )
    baseline = PADDING + 10
    yield text_line("type muted", TEXT_LEFT + ICON + 5, baseline, box.kind)
    for line in box.name_lines:
        baseline += NAME_LINE + (2 if line == box.name_lines[0] else 0)
        yield text_line("name", TEXT_LEFT, baseline, line)
    if box.detail:
        yield text_line("small muted", TEXT_LEFT, baseline + SMALL_LINE, box.detail)


def _bar(accent: str, height: float) -> str:
    return f'    <rect class="{accent}" x="5" y="9" width="4" height="{px(height - 18)}" rx="2"/>'


def _slug(dag: Dag) -> str:
    return "dag-" + re.sub(r"[^A-Za-z0-9-]", "-", dag.name)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
