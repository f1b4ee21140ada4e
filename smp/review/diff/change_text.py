"""The words that text, markdown and summary share: headlines, counts, rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from smp.definition.deploy_values import PARTITION
from smp.review.diff.changes import (
    Change,
    Diff,
    EdgeChange,
    FileChange,
    Kind,
    Outcome,
    PermissionChange,
    PipelineChange,
    Prediction,
    Section,
    StepChange,
)
from smp.review.diff.picture import SIGNS
from smp.review.diff.values import shortened, visible, written_pair
from smp.text.human import counted, size

ARROW = "\N{RIGHTWARDS ARROW}"
MAX_EXPLAINED = 3
"""With more changed pipelines than this, the first line only names them."""

MINUS = "\N{MINUS SIGN}"
OWN_ARN = f"arn:{PARTITION}:"


def headline(diff: Diff) -> str:
    """Return the one line that sums all up."""
    if diff.is_empty:
        return (
            f"Nothing changes: {counted(diff.compared, 'pipeline')} in {diff.base} and {diff.head}."
        )
    few = len(diff.pipelines) <= MAX_EXPLAINED
    names = [f"{p.name} ({what_changes(p)})" if few else p.name for p in diff.pipelines]
    return f"{changed_count_text(diff)}: {', '.join(names)}."


def unread_lines(diff: Diff) -> list[str]:
    """Return one line for each part of what is deployed that could not be compared."""
    return [f"Not compared, access denied: {part}" for part in diff.unread]


def changed_count_text(diff: Diff) -> str:
    """Return `1 of 3 pipelines changes`."""
    count = len(diff.pipelines)
    verb = "changes" if count == 1 else "change"
    if count == diff.compared:
        return f"{counted(count, 'pipeline')} {verb}"
    return f"{count} of {counted(diff.compared, 'pipeline')} {verb}"


def what_changes(pipeline: PipelineChange) -> str:
    """Return what changes in a pipeline in a few words, the most important first."""
    if pipeline.kind is not Kind.CHANGED:
        word = "new" if pipeline.kind is Kind.ADDED else "removed"
        return f"{word}, {counted(len(pipeline.steps), 'step')}"
    parts = [
        *_permission_words(pipeline.permissions),
        *_step_words(pipeline.steps),
        *_edge_words(pipeline),
        *_code_words(pipeline),
        *_setting_words(pipeline.settings),
    ]
    return ", ".join(parts)


def _permission_words(permissions: Sequence[PermissionChange]) -> Iterator[str]:
    added = sum(item.kind is Kind.ADDED for item in permissions)
    removed = len(permissions) - added
    if permissions:
        counts = [f"+{added}"] * bool(added) + [f"{MINUS}{removed}"] * bool(removed)
        yield f"permissions {' '.join(counts)}"


def _step_words(steps: Sequence[StepChange]) -> Iterator[str]:
    counts = Counter(step.kind for step in steps)
    order = (Kind.REMOVED, Kind.ADDED, Kind.MOVED, Kind.CHANGED)
    parts = [f"{counts[kind]} {kind}" for kind in order if counts[kind]]
    if parts:
        first, _, rest = parts[0].partition(" ")
        noun = "step" if first == "1" else "steps"
        yield ", ".join([f"{first} {noun} {rest}", *parts[1:]])


def _edge_words(pipeline: PipelineChange) -> Iterator[str]:
    own = edges_between_kept_steps(pipeline)
    if own:
        yield counted(len(own), "edge")


def edges_between_kept_steps(pipeline: PipelineChange) -> list[EdgeChange]:
    """Return the changed edges that no new or removed step explains."""
    explained = {step.name for step in pipeline.steps if step.kind in (Kind.ADDED, Kind.REMOVED)}
    return [e for e in pipeline.edges if not {e.source, e.target} & explained]


def _code_words(pipeline: PipelineChange) -> Iterator[str]:
    shipped = [change for change in pipeline.code if change.used_by]
    if shipped:
        added = sum(change.lines[0] for change in shipped)
        removed = sum(change.lines[1] for change in shipped)
        files = sum(len(change.files) for change in shipped)
        counts = f" {line_counts(added, removed)}" if added or removed else ""
        yield f"code{counts} in {counted(files, 'file')}"
    if len(shipped) < len(pipeline.code):
        yield "local stand-in"


def _setting_words(settings: Sequence[Change]) -> Iterator[str]:
    for section, _ in groupby(settings, key=lambda change: change.section):
        yield str(section)


def line_counts(added: int, removed: int) -> str:
    """Write the lines added, then those removed."""
    return f"+{added} {MINUS}{removed}"


def file_words(file: FileChange) -> str:
    """Return a file's line counts, or its sizes where it is not a text."""
    counts = (
        [line_counts(file.lines_added, file.lines_removed)]
        if file.lines_added is not None and file.lines_removed is not None
        else [" ".join((file.note or "", _sizes(file))).strip()]
    )
    extra = [file.note] if file.lines_added is not None and file.note else []
    return ", ".join(counts + extra)


def _sizes(file: FileChange) -> str:
    sides = [size(side) for side in (file.size_before, file.size_after) if side is not None]
    return f" {ARROW} ".join(sides)


@dataclass(frozen=True)
class Row:
    """A setting as a line shows it. `before` and `after` are empty where a side has none."""

    sign: str
    name: str
    before: str
    after: str

    @property
    def value(self) -> str:
        return f" {ARROW} ".join(side for side in (self.before, self.after) if side)


def row(change: Change) -> Row:
    """Return a change as a line shows it."""
    sign = SIGNS[change.kind]
    if change.kind is Kind.ADDED:
        return Row(sign, change.name, "", shortened(change.after))
    if change.kind is Kind.REMOVED:
        return Row(sign, change.name, shortened(change.before), "")
    before, after = written_pair(change.before, change.after)
    return Row(sign, change.name, before, after)


def sections(changes: Sequence[Change]) -> Iterator[tuple[Section, list[Row]]]:
    """Yield changes by section, which they are sorted by."""
    for section, found in groupby(changes, key=lambda change: change.section):
        yield section, [row(change) for change in found]


def permission_words(change: PermissionChange) -> str:
    """Return what is allowed, on what, and under which condition."""
    condition = f" if {condition_words(change)}" if change.conditions else ""
    actions, resources = ", ".join(change.actions), ", ".join(resource_words(change))
    return f"{change.role}, {change.sid}: {actions} on {resources}{condition}"


def resource_words(change: PermissionChange) -> list[str]:
    """Return the resources, without what every one of a deployment begins with."""
    return [shortened(resource.removeprefix(OWN_ARN)) for resource in change.resources]


def condition_words(change: PermissionChange) -> str:
    """Return the conditions as `s3:prefix StringLike a/*, b/*`."""
    return " and ".join(
        f"{key} {operator} {', '.join(map(visible, value if isinstance(value, list) else [value]))}"
        for operator, keys in change.conditions.items()
        for key, value in keys.items()
    )


@dataclass(frozen=True)
class ForecastWords:
    """The cache forecast by what a reviewer asks: what this change makes run, what it leaves."""

    because: tuple[Prediction, ...]
    hits: tuple[Prediction, ...]
    anyway: tuple[Prediction, ...]
    headline: str


def forecast_words(pipeline: PipelineChange) -> ForecastWords | None:
    """Return the forecast, None where there is nothing to foresee."""
    found = pipeline.forecast
    if not found:
        return None
    because = tuple(p for p in found if p.outcome is not Outcome.HITS and not p.anyway)
    hits = tuple(p for p in found if p.outcome is Outcome.HITS)
    anyway = tuple(p for p in found if p.anyway)
    total = counted(len(found), "step")
    if pipeline.kind is Kind.ADDED:
        return ForecastWords((), (), (), f"the first execution runs all {total}")
    if because:
        text = f"the next execution runs {len(because)} of {total} because of this"
    else:
        text = "no step runs again because of this"
    rest = [f"{len(anyway)} in any case"] * bool(anyway) + [f"{len(hits)} from the cache"] * bool(
        hits
    )
    return ForecastWords(because, hits, anyway, ", ".join([text, *rest]))
