"""Both DAGs of a pipeline as one picture, with what was added, removed and changed marked.

Every mark has a shape and a word in addition to its colour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from smp.definition.compiled import CompiledPipeline
from smp.picture import mermaid
from smp.picture.dag import Dag, Edge, Step, read_dag
from smp.picture.legend import Entry
from smp.picture.svg_picture import Mark, Overlay, render_svg
from smp.review.diff.changes import ChangedDag, EdgeChange, Kind, StepChange

SIGNS: Mapping[str, str] = {
    Kind.ADDED: "+",
    Kind.REMOVED: "\N{MINUS SIGN}",
    Kind.CHANGED: "~",
    Kind.MOVED: "\N{RIGHTWARDS ARROW}",
}
ICONS: Mapping[str, str] = {
    Kind.ADDED: "M8 2v12M2 8h12",
    Kind.REMOVED: "M2 8h12",
    Kind.CHANGED: "M2 9.5c2-4 4-4 6-1.5s4 2.5 6-1.5",
    Kind.MOVED: "M2 8h12M9.5 3.5L14 8l-4.5 4.5",
}
LIGHT = {"added": "#1a7f37", "removed": "#cf222e", "changed": "#9a6700", "moved": "#8250df"}
DARK = {"added": "#3fb950", "removed": "#f85149", "changed": "#d29922", "moved": "#a371f7"}
BOX_STYLES = {
    "added": "stroke-width: 2.6;",
    "removed": "stroke-width: 2; stroke-dasharray: 7 4;",
    "changed": "stroke-width: 2;",
    "moved": "stroke-width: 2; stroke-dasharray: 12 3;",
}
EDGE_STYLES = {
    "added": "stroke-width: 2.8;",
    "removed": "stroke-width: 2; stroke-dasharray: 2 5;",
    "changed": "stroke-width: 2;",
    "moved": "",
}
EDGE_WORDS = {
    Kind.ADDED: "now waits",
    Kind.REMOVED: "no longer waits",
    Kind.CHANGED: "waits in another way",
}
MAX_SECTIONS = 2


def changed_dag(
    before: CompiledPipeline | None,
    after: CompiledPipeline | None,
    steps: Sequence[StepChange],
    edges: Sequence[EdgeChange],
) -> ChangedDag:
    """Return the steps and edges of both sides, with the given changes."""
    old, new = (read_dag(side, side.step_models) if side else _EMPTY for side in (before, after))
    return ChangedDag(
        Dag(new.name or old.name, _merged(old.steps, new.steps), _merged_edges(old, new)),
        {step.name: step.kind for step in steps},
        {(edge.source, edge.target): edge.kind for edge in edges},
        {step.name: _words(step) for step in steps},
    )


_EMPTY = Dag("", (), ())


def _merged(old: Sequence[Step], new: Sequence[Step]) -> tuple[Step, ...]:
    """Return the steps of the new side, and each that is gone after the one it stood behind."""
    merged = list(new)
    names = [step.name for step in merged]
    for index, step in enumerate(old):
        if step.name not in names:
            before = {other.name for other in old[:index]}
            place = max((n + 1 for n, name in enumerate(names) if name in before), default=0)
            merged.insert(place, step)
            names.insert(place, step.name)
    return tuple(merged)


def _merged_edges(old: Dag, new: Dag) -> tuple[Edge, ...]:
    there = {(edge.source, edge.target) for edge in new.edges}
    gone = [edge for edge in old.edges if (edge.source, edge.target) not in there]
    return tuple(sorted([*new.edges, *gone]))


def _words(step: StepChange) -> str:
    if step.kind in (Kind.ADDED, Kind.REMOVED):
        return str(step.kind)
    sections = list(dict.fromkeys(str(change.section) for change in step.changes))
    sections = ["code", *sections] if step.code else sections
    more = f" +{len(sections) - MAX_SECTIONS}" if len(sections) > MAX_SECTIONS else ""
    return f"{step.kind}: {', '.join(sections[:MAX_SECTIONS])}{more}"


def render_changed_svg(changed: ChangedDag) -> str:
    """Return the picture as SVG."""
    marks = {
        name: Mark(str(kind), ICONS[kind], changed.words.get(name, str(kind)))
        for name, kind in changed.steps.items()
    }
    edges = {ends: str(kind) for ends, kind in changed.edges.items()}
    overlay = Overlay(edges, tuple(_legend(changed)), _style(), _summary(changed))
    return render_svg(changed.dag, marks, overlay)


def render_changed_mermaid(changed: ChangedDag) -> str:
    """Return the picture as mermaid text."""
    styles = {
        kind: f"stroke:{LIGHT[kind]},stroke-width:3px"
        + (",stroke-dasharray:6 4" if kind == Kind.REMOVED else "")
        for kind in LIGHT
    }
    overlay = mermaid.Overlay(
        {name: str(kind) for name, kind in changed.steps.items()},
        {ends: EDGE_WORDS[kind] for ends, kind in changed.edges.items()},
        SIGNS,
        styles,
        "".join(f", {part}" for part in _counts(changed)),
    )
    return mermaid.render_mermaid(changed.dag, overlay)


def _legend(changed: ChangedDag) -> Iterable[Entry]:
    for kind in Kind:
        if kind in changed.steps.values():
            yield Entry(f"swatch {kind}", f"{SIGNS[kind]} {kind}")
    for kind in EDGE_WORDS:
        if kind in changed.edges.values():
            yield Entry(f"edge {kind}", EDGE_WORDS[kind])


def _summary(changed: ChangedDag) -> str:
    return ", ".join([f"{len(changed.dag.steps)} steps", *(_counts(changed) or ["none changed"])])


def _counts(changed: ChangedDag) -> list[str]:
    counts = Counter(changed.steps.values())
    return [f"{counts[kind]} {kind}" for kind in Kind if counts[kind]]


def _style() -> str:
    dark = "".join(f"\n    {rule}" for rule in _colours(DARK))
    return "\n".join(
        (
            ".smp-dag .swatch { fill: none; }",
            ".smp-dag .removed .name { text-decoration: line-through; }",
            ".smp-dag .icon.mark { stroke-width: 2.6; }",
            *(
                f".smp-dag .{kind} .card, .smp-dag .swatch.{kind} {{ {style} }}"
                for kind, style in BOX_STYLES.items()
            ),
            *(
                f".smp-dag .edge.{kind} {{ {style} }}"
                for kind, style in EDGE_STYLES.items()
                if style
            ),
            *_colours(LIGHT),
            f"@media (prefers-color-scheme: dark) {{{dark}\n  }}",
        )
    )


def _colours(colours: Mapping[str, str]) -> list[str]:
    return [
        f".smp-dag .{kind} .card, .smp-dag .swatch.{kind}, .smp-dag .edge.{kind},"
        f" .smp-dag .{kind} .icon.mark {{ stroke: {colour}; }}"
        for kind, colour in colours.items()
    ]
