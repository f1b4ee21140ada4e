"""The legend of a pipeline's picture: which colour is which model, what each kind of arrow means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smp.picture.dag import Dag
from smp.picture.style import DARK, text_width
from smp.picture.svg import px, text_line

LEGEND_ROW = 24.0
SMALL_SIZE = 11.5


@dataclass(frozen=True)
class Entry:
    """One mark and its words."""

    mark: str
    """What is drawn before the words: an accent class, `edge`, `edge decision` or `edge order`."""
    words: str

    @property
    def mark_width(self) -> float:
        return 28.0 if self.mark.startswith("edge") else 12.0

    @property
    def width(self) -> float:
        return self.mark_width + 8 + text_width(self.words, SMALL_SIZE) + 14


def legend_entries(dag: Dag) -> list[Entry]:
    """Return what needs words: the models where there are several, and the arrows there are."""
    entries = []
    if len(dag.models) > 1:
        entries += [Entry(accent(dag, model), model) for model in dag.models]
    if any(edge.carries_data for edge in dag.edges):
        entries.append(Entry("edge", "passes data on"))
    if any(edge.decides for edge in dag.edges):
        entries.append(Entry("edge decision", "decides whether it runs"))
    if any(not edge.carries_data and not edge.decides for edge in dag.edges):
        entries.append(Entry("edge order", "waits, no data"))
    return entries


def legend_rows(entries: Sequence[Entry], width: float) -> list[list[Entry]]:
    """Break the legend into lines no wider than that."""
    rows: list[list[Entry]] = []
    used = width + 1
    for entry in entries:
        if used + entry.width > width:
            rows.append([])
            used = 0.0
        rows[-1].append(entry)
        used += entry.width
    return rows


def draw_legend(rows: Sequence[Sequence[Entry]], left: float, top: float) -> Iterator[str]:
    """Write the lines from a point downward."""
    for number, row in enumerate(rows):
        x, y = left, top + number * LEGEND_ROW
        for entry in row:
            if entry.mark.startswith("edge"):
                mark = f'<path class="{entry.mark}" d="M{px(x)} {px(y)}h{px(entry.mark_width)}"/>'
            else:
                mark = (
                    f'<rect class="{entry.mark}" x="{px(x)}" y="{px(y - 6)}"'
                    ' width="12" height="12" rx="3"/>'
                )
            yield f"  {mark}"
            yield text_line("small muted", x + entry.mark_width + 8, y + 4, entry.words)
            x += entry.width


def accent(dag: Dag, model: str) -> str:
    """Return the class of a model's colour."""
    number = dag.models.index(model) if model else 0
    return f"m{number % len(DARK.accents)}"
