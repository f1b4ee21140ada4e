"""A comparison as markdown, in the form of a comment on a pull request: tables, details folded.

Nothing that a model repository wrote becomes markup: names and values are in code spans.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from smp.review.diff.change_text import (
    ARROW,
    Row,
    changed_count_text,
    condition_words,
    edges_between_kept_steps,
    file_words,
    forecast_words,
    headline,
    resource_words,
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
from smp.review.diff.picture import SIGNS, render_changed_mermaid
from smp.review.diff.time_words import bound_notes, bound_rows, bounds_headline, cost_words
from smp.review.diff.values import SHORT_HASH, visible
from smp.text.human import counted

NO_PICTURES: Mapping[str, str] = {}
MAX_CHARACTERS = 60_000
"""A comment on GitHub holds 65,536 characters: a longer review has no pictures in it."""

Lines = Iterator[str]


def render_markdown(diff: Diff, pictures: Mapping[str, str] = NO_PICTURES) -> str:
    """Return the review; `pictures` maps pipelines to the files of their pictures next to it.

    The picture is also in it, as a mermaid block, which GitHub and GitLab draw.
    """
    whole = _render(diff, pictures, drawn=True)
    if len(whole) <= MAX_CHARACTERS:
        return whole
    return _render(diff, pictures, drawn=False)


def _render(diff: Diff, pictures: Mapping[str, str], *, drawn: bool) -> str:
    lines = list(_opening(diff))
    lines += [text for line in unread_lines(diff) for text in ("", f"**{plain(line)}**")]
    for pipeline in diff.pipelines:
        lines += ["", f"### {SIGNS[pipeline.kind]} {code(pipeline.name)}"]
        for block in _blocks(pipeline):
            lines += ["", *block]
        picture = list(_picture(pipeline, pictures.get(pipeline.name), drawn=drawn))
        lines += ["", *picture] if picture else []
    return "\n".join(lines) + "\n"


def _opening(diff: Diff) -> Lines:
    if diff.is_empty:
        yield plain(headline(diff))
        return
    yield f"**{changed_count_text(diff)}** from {code(diff.base)} to {code(diff.head)}"
    yield ""
    rows = []
    for pipeline in diff.pipelines:
        forecast = forecast_words(pipeline)
        bounds = pipeline.bounds.before or pipeline.bounds.after
        rows.append(
            [
                f"{SIGNS[pipeline.kind]} {code(pipeline.name)}",
                what_changes(pipeline),
                forecast.headline if forecast else "",
                bounds_headline(pipeline.bounds) if bounds else "",
            ]
        )
    yield from table(["pipeline", "what changes", "cache", "time"], rows)


def _blocks(pipeline: PipelineChange) -> Iterator[list[str]]:
    heads = ["", "role", "allows", "on", "if"]
    permissions = table(heads, [_permission(item) for item in pipeline.permissions])
    if pipeline.kind is Kind.CHANGED:
        if pipeline.permissions:
            yield ["**Permissions**", "", *permissions]
        yield from _changed(pipeline)
    else:
        rows = [[code(step.name), step.type, code(step.facts)] for step in pipeline.steps]
        title = "The steps" if pipeline.kind is Kind.ADDED else "The steps that it had"
        yield _folded(title, table(["step", "type", "runs on"], rows))
        if pipeline.kind is Kind.ADDED:
            yield _folded("What its roles may do", permissions)
    yield from _settings(pipeline)
    yield from _forecast(pipeline)
    yield from _bounds(pipeline)
    yield from _whole_steps(pipeline)


def _settings(pipeline: PipelineChange) -> Iterator[list[str]]:
    for section, found in sections(pipeline.settings):
        title = str(section).capitalize()
        cells = [[row.sign, code(row.name), *_sides(row)] for row in found]
        yield [f"**{title}**", "", *table(["", "setting", "before", "after"], cells)]


def _permission(item: PermissionChange) -> list[str]:
    return [
        SIGNS[item.kind],
        f"{item.role}, {code(item.sid)}",
        " ".join(map(code, item.actions)),
        " ".join(map(code, resource_words(item))),
        code(condition_words(item)) if item.conditions else "",
    ]


def _changed(pipeline: PipelineChange) -> Iterator[list[str]]:
    rows = [row for step in pipeline.steps for row in _step(step)]
    if rows:
        yield ["**Steps**", "", *table(["", "step", "setting", "before", "after"], rows)]
    edges = edges_between_kept_steps(pipeline)
    if edges:
        rows = [_edge(edge) for edge in edges]
        yield ["**Edges**", "", *table(["", "step", "waits for", "before", "after"], rows)]
    for change in pipeline.code:
        yield list(_code(change))


def _step(step: StepChange) -> Iterator[list[str]]:
    name = f"{code(step.name)} {step.type}"
    sign = SIGNS[step.kind]
    if step.kind is Kind.ADDED:
        yield [sign, name, "new", "", code(step.facts)]
    elif step.kind is Kind.REMOVED:
        yield [sign, name, "removed", code(step.facts), ""]
    elif step.changes:
        for section, rows in sections(step.changes):
            for row in rows:
                yield [sign, name, f"{section}: {code(row.name)}", *_sides(row)]
                sign = name = ""
        if step.code:
            yield ["", "", f"code: {', '.join(map(code, step.code))}", "", "see below"]


def _sides(row: Row) -> list[str]:
    return [code(side) if side else "" for side in (row.before, row.after)]


def _edge(edge: EdgeChange) -> list[str]:
    ways = [", ".join(side) for side in (edge.before, edge.after)]
    return [SIGNS[edge.kind], code(edge.target), code(edge.source), *ways]


def _code(change: CodeChange) -> Lines:
    sides = (", ".join(sha[:SHORT_HASH] for sha in side) for side in (change.before, change.after))
    hashes = f" {ARROW} ".join(code(side) if side else "none" for side in sides)
    used = ", ".join(map(code, change.used_by)) or "local runs only"
    yield f"**Code** {code(change.origin)} {hashes}, read by {used}"
    yield ""
    rows = [[SIGNS[file.kind], code(file.path), file_words(file)] for file in change.files]
    if len(rows) > 12:
        yield from _folded(counted(len(rows), "file"), table(["", "file", "lines"], rows))
    else:
        yield from table(["", "file", "lines"], rows)


def _forecast(pipeline: PipelineChange) -> Iterator[list[str]]:
    words = forecast_words(pipeline)
    if words is None or pipeline.kind is Kind.ADDED:
        return
    rows = [_prediction(item) for item in (*words.because, *words.hits)]
    rows += [["in any case", *_prediction(item)[1:]] for item in words.anyway]
    title = f"Cache: {words.headline}"
    yield _folded(title, table(["", "step", "because"], rows))


def _prediction(item: Prediction) -> list[str]:
    return [str(item.outcome), code(item.step), "; ".join(map(plain, item.reasons))]


def _bounds(pipeline: PipelineChange) -> Iterator[list[str]]:
    rows = bound_rows(pipeline.bounds)
    if not rows:
        return
    priced = bool(pipeline.bounds.prices_of)
    cells = [
        [row.job, code(row.instance_type), row.before, row.after, *([row.price] if priced else [])]
        for row in rows
    ]
    heads = ["job", "instance type", "before", "after", *(["an hour costs"] if priced else [])]
    found = table(heads, cells)
    notes = [f"- {plain(note)}" for note in bound_notes(pipeline.bounds)]
    words = cost_words(pipeline.bounds)
    notes.append(f"- {plain(words)}")
    title = f"Time: {bounds_headline(pipeline.bounds)}"
    yield _folded(title, [*found, *([""] if notes else []), *notes])


def _whole_steps(pipeline: PipelineChange) -> Iterator[list[str]]:
    """Yield every setting of steps that only one side has."""
    for step in pipeline.steps:
        if step.kind in (Kind.ADDED, Kind.REMOVED) and step.changes:
            cells = [
                [str(section), code(row.name), code(row.value)]
                for section, rows in sections(step.changes)
                for row in rows
            ]
            title = f"Every setting of the {step.kind} step {plain(step.name)}"
            yield _folded(title, table(["", "setting", "value"], cells))


def _picture(pipeline: PipelineChange, file: str | None, *, drawn: bool) -> Lines:
    if drawn:
        text = render_changed_mermaid(pipeline.picture).rstrip("\n").split("\n")
        more = ["", f"[The same as SVG]({_link(file)})"] if file else []
        yield from _folded("Picture", ["```mermaid", *text, "```", *more])
    elif file:
        yield f"[Picture]({_link(file)})"


def _link(file: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", lambda match: f"%{ord(match[0]):02X}", file)


def _folded(title: str, lines: Sequence[str] | Lines) -> list[str]:
    return ["<details>", f"<summary>{plain(title)}</summary>", "", *lines, "", "</details>"]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]] | Iterator[list[str]]) -> list[str]:
    """Return a table's lines; cells are markdown already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def code(text: str) -> str:
    """Return text as a code span that nothing in it can end, inside of a table too."""
    if not text:
        return ""
    shown = visible(text).replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def plain(text: str) -> str:
    """Return text in which no character is markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|@~&!])", lambda match: f"&#{ord(match[1])};", visible(text))
