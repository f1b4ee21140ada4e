"""A comparison as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smp.review.diff.change_text import (
    ARROW,
    edges_between_kept_steps,
    file_words,
    forecast_words,
    headline,
    permission_words,
    sections,
    unread_lines,
    what_changes,
)
from smp.review.diff.changes import (
    CodeChange,
    Diff,
    EdgeChange,
    Kind,
    PermissionChange,
    PipelineChange,
    Prediction,
    StepChange,
)
from smp.review.diff.picture import SIGNS
from smp.review.diff.time_words import bound_notes, bound_rows, bounds_headline, cost_words
from smp.review.diff.values import SHORT_HASH


def render_text(diff: Diff) -> str:
    """Return the review: one line that sums up, then a block for each pipeline."""
    lines = [headline(diff)]
    if not diff.is_empty:
        lines.append(f"From {diff.base} to {diff.head}.")
    lines += unread_lines(diff)
    for pipeline in diff.pipelines:
        more = f": {what_changes(pipeline)}" if len(diff.pipelines) > 1 else ""
        lines += ["", f"{SIGNS[pipeline.kind]} {pipeline.name}{more}"]
        for title, block in _blocks(pipeline):
            lines += [f"  {title}", *(f"    {line}" for line in block)]
    return "\n".join(lines) + "\n"


Block = tuple[str, list[str]]


def _blocks(pipeline: PipelineChange) -> Iterator[Block]:
    """Yield each part that is not empty, the most important first."""
    permissions = [_permission(item) for item in pipeline.permissions]
    if pipeline.kind is Kind.CHANGED:
        parts = (
            ("permissions", permissions),
            ("steps", [line for step in pipeline.steps for line in _step(step)]),
            ("edges", [_edge(edge) for edge in edges_between_kept_steps(pipeline)]),
            ("code", [line for change in pipeline.code for line in _code(change)]),
        )
        yield from ((title, lines) for title, lines in parts if lines)
    else:
        yield "steps", aligned([[step.name, step.type, step.facts] for step in pipeline.steps])
        if pipeline.kind is Kind.ADDED:
            yield "permissions", permissions
    for section, rows in sections(pipeline.settings):
        cells = [[row.sign, row.name, row.value] for row in rows]
        yield str(section), aligned(cells)
    yield from _forecast(pipeline)
    yield from _bounds(pipeline)


def _permission(item: PermissionChange) -> str:
    return f"{SIGNS[item.kind]} {permission_words(item)}"


def _step(step: StepChange) -> Iterator[str]:
    """Yield a step's lines; what only its code changes is reported with the code."""
    head = f"{SIGNS[step.kind]} {step.name}  {step.type}"
    if step.kind in (Kind.ADDED, Kind.REMOVED):
        yield f"{head}  {step.facts}".rstrip()
        return
    if not step.changes:
        return
    yield head
    rows = [["code", "", "see below"]] if step.code else []
    for section, found in sections(step.changes):
        title = str(section)
        for row in found:
            sign = "" if row.before and row.after else f"{row.sign} "
            rows.append([title, row.name, sign + row.value])
            title = ""
    yield from (f"    {line}" for line in aligned(rows))


def _edge(edge: EdgeChange) -> str:
    ways = f" {ARROW} ".join(", ".join(side) for side in (edge.before, edge.after) if side)
    return f"{SIGNS[edge.kind]} {edge.source} {ARROW} {edge.target}  ({ways})"


def _code(change: CodeChange) -> Iterator[str]:
    sides = (", ".join(sha[:SHORT_HASH] for sha in side) for side in (change.before, change.after))
    hashes = f" {ARROW} ".join(side or "none" for side in sides)
    used = f"read by {', '.join(change.used_by)}" if change.used_by else "only for local runs"
    yield f"{change.origin}  {hashes}  {used}"
    cells = [[SIGNS[file.kind], file.path, file_words(file)] for file in change.files]
    yield from (f"  {line}" for line in aligned(cells))


def _forecast(pipeline: PipelineChange) -> Iterator[Block]:
    words = forecast_words(pipeline)
    if words is None:
        return
    lines = aligned(
        [[str(p.outcome), p.step, "; ".join(p.reasons)] for p in (*words.because, *words.hits)]
    )
    if words.anyway:
        lines.append(f"in any case: {names(words.anyway)}")
    yield f"cache: {words.headline}", lines


def names(predictions: Sequence[Prediction]) -> str:
    """Return the steps' names with commas."""
    return ", ".join(prediction.step for prediction in predictions)


def _bounds(pipeline: PipelineChange) -> Iterator[Block]:
    rows = bound_rows(pipeline.bounds)
    if not rows:
        return
    changed = [row for row in rows if row.differs]
    lines = []
    if changed:
        lines = aligned(
            [
                [
                    row.job,
                    row.instance_type,
                    f" {ARROW} ".join((row.before or "none", row.after or "none"))
                    if pipeline.kind is Kind.CHANGED
                    else row.before or row.after,
                    f"at {row.price} an hour" if row.price else "",
                ]
                for row in changed
            ]
        )
    lines += [f"note: {note}" for note in bound_notes(pipeline.bounds)] if changed else []
    lines.append(cost_words(pipeline.bounds))
    yield f"time: {bounds_headline(pipeline.bounds)}", lines


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns; the last one has no width."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
