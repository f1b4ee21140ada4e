"""A comparison in a few lines of plain text, for an approval's comment.

It never exceeds its length; what has no room is counted.
"""

from __future__ import annotations

from smp.review.diff.change_text import (
    changed_count_text,
    forecast_words,
    headline,
    permission_words,
    unread_lines,
    what_changes,
)
from smp.review.diff.changes import Diff, Kind, PipelineChange
from smp.review.diff.time_words import bounds_headline, cost_words
from smp.text.human import counted

LIMIT = 900
"""What CodePipeline shows of a manual approval's comment is 1,000 characters."""


def render_summary(diff: Diff, limit: int = LIMIT) -> str:
    """Return the summary, at most `limit` characters with its last line's end."""
    if diff.is_empty:
        return _fitting([headline(diff), *unread_lines(diff)], limit)
    lines = [f"{changed_count_text(diff)} from {diff.base} to {diff.head}", *unread_lines(diff)]
    wanted = [_lines(pipeline) for pipeline in diff.pipelines]
    heads = [line for first, *_ in wanted for line in (first,)]
    full = [*lines, *(line for block in wanted for line in block)]
    if _length(full) <= limit:
        return "\n".join(full) + "\n"
    return _fitting([*lines, *heads], limit)


def _length(lines: list[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _fitting(lines: list[str], limit: int) -> str:
    """Return as many lines as there is room for, and how many more there are."""
    kept = [_cut(line, limit // 3) for line in lines]
    more = ""
    while _length([*kept, more]) > limit and len(kept) > 1:
        kept.pop()
        more = f"... and {counted(len(lines) - len(kept), 'more line')} in the whole review"
    shown = [*kept, more] if more else kept
    return "\n".join(shown)[: limit - 1] + "\n"


def _lines(pipeline: PipelineChange) -> list[str]:
    lines = [f"{pipeline.name}: {what_changes(pipeline)}"]
    known = pipeline.kind is Kind.CHANGED
    added = [item for item in pipeline.permissions if known and item.kind is Kind.ADDED]
    lines += [f"  newly allowed: {_cut(permission_words(item), 150)}" for item in added[:2]]
    forecast = forecast_words(pipeline)
    lines += [f"  cache: {forecast.headline}"] if forecast else []
    if pipeline.bounds.before or pipeline.bounds.after:
        lines.append(f"  time: {bounds_headline(pipeline.bounds)}")
        lines.append(f"  {cost_words(pipeline.bounds)}")
    return lines


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 3] + "..."
