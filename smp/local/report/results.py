"""What the run came to in numbers: evaluation reports, final metrics, learning curves, trials."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smp.local.report.facts import Facts
from smp.local.report.markup import Html, code, data_table, element, fold, join, link
from smp.local.report.plots import plot
from smp.local.show.commands import trial_command
from smp.local.show.results import (
    EvaluationReport,
    Trial,
    curves,
    final_metrics,
    flat_values,
    is_number,
    trials,
)
from smp.local.store.run_store import StepRecord
from smp.text.human import counted, number

MAX_TILES = 8
MAX_ROWS = 200
MATRIX = "confusion_matrix"


def render_results(facts: Facts) -> Html:
    """Write the section; empty where no step has a number to show."""
    reporting_first = sorted(facts.begun, key=lambda step: step.name not in facts.reports)
    parts = [part for step in reporting_first for part in _step_results(facts, step)]
    if not parts:
        return Html()
    return element("section", element("h2", "Results", id="results"), *parts, class_="card")


def _step_results(facts: Facts, step: StepRecord) -> Iterator[Html]:
    parts = [
        *(_report(facts, report) for report in facts.reports.get(step.name, [])),
        _final_metrics(step),
        _curves(step) if step.type != "Tuning" else Html(),
        _trials(facts, step),
    ]
    shown = [part for part in parts if part]
    if shown:
        heading = element("h3", link(f"#{facts.anchor(step.name)}", step.name))
        yield element("div", heading, *shown, class_="result")


def _report(facts: Facts, report: EvaluationReport) -> Html:
    where = link(facts.href(report.path), report.path.name)
    if report.problem:
        note = element("p", f"{report.name}: ", code(report.uri), f" {report.problem}")
        return element("div", note, class_="note")
    groups = _groups(report.content)
    tiles = [tile for name, values in groups for tile in _tiles(values)][:MAX_TILES]
    tables = [part for name, values in groups for part in _tables(name, values)]
    return join(
        [
            element("ul", *tiles, class_="tiles") if tiles else Html(),
            *tables,
            element("p", f"{report.name}: ", where, class_="small"),
        ]
    )


def _groups(content: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Split `{"regression_metrics": {…}}` into its named groups; other content is one group."""
    if not isinstance(content, Mapping):
        return [("values", {"": content})]
    groups = [value for value in content.values() if isinstance(value, Mapping)]
    if groups and len(groups) == len(content) and not any("value" in group for group in groups):
        return list(content.items())
    return [("values", content)]


def _tiles(values: Mapping[str, Any]) -> Iterator[Html]:
    for name, value in values.items():
        if not isinstance(value, Mapping) or not is_number(value.get("value")):
            continue
        deviation = value.get("standard_deviation")
        spread = f" ± {number(deviation)}" if is_number(deviation) else ""
        shown = element("span", number(value["value"]), class_="big")
        label = element("span", name, class_="label")
        yield element("li", label, shown, element("span", spread, class_="small"))


def _tables(name: str, values: Mapping[str, Any]) -> Iterator[Html]:
    rest = dict(values)
    if _is_matrix(rest.get(MATRIX)):
        yield _matrix(rest.pop(MATRIX))
    rows = [(path, number(value)) for path, value in flat_values({"": rest})]
    if rows:
        table = data_table(name, ("Metric", "Value"), rows[:MAX_ROWS], numbers=frozenset({1}))
        yield fold(f"All {counted(len(rows), 'value')} of {name}", table)


def _is_matrix(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and 0 < len(value) <= 20
        and all(isinstance(row, Mapping) and set(row) == set(value) for row in value.values())
    )


def _matrix(matrix: Mapping[str, Mapping[str, Any]]) -> Html:
    heads = ("Actual", *(f"Predicted {name}" for name in matrix))
    rows = [(name, *(number(row[other]) for other in matrix)) for name, row in matrix.items()]
    numbers = frozenset(range(1, len(heads)))
    return data_table("Confusion matrix", heads, rows, numbers=numbers)


def _final_metrics(step: StepRecord) -> Html:
    values = final_metrics(step)
    if not values:
        return Html()
    rows = [(name, number(value)) for name, value in values.items()]
    return data_table("Final metrics", ("Metric", "Value"), rows, numbers=frozenset({1}))


def _curves(step: StepRecord) -> Html:
    figures = [_figure(name, values) for name, values in curves(step).items() if len(values) > 1]
    return element("div", *figures, class_="plots") if figures else Html()


def _figure(name: str, values: Sequence[float]) -> Html:
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return Html()
    said = (
        f"last {number(values[-1])}, lowest {number(min(finite))}, highest {number(max(finite))}, "
        f"{counted(len(values), 'value')}"
    )
    drawing = plot(values, f"{name} in the order of the log: {said}")
    caption = element("figcaption", element("strong", name), element("span", said, class_="small"))
    return element("figure", caption, drawing)


def _trials(facts: Facts, step: StepRecord) -> Html:
    """Plot the trials in the order in which they began; list them as ranked, each with its log."""
    listed = trials(step)
    if not listed:
        return Html()
    begun = sorted(listed, key=lambda trial: trial.created)
    numbers = {trial.name: place for place, trial in enumerate(begun, start=1)}
    best = next((numbers[trial.name] for trial in listed if trial.is_best), None)
    objective = next((trial.objective for trial in listed if trial.objective), "objective")
    said = f"{objective} of {counted(len(listed), 'trial')}" + (f", best is {best}" if best else "")
    values = [math.nan if trial.value is None else trial.value for trial in begun]
    drawing = plot(values, f"{said}, in the order in which they began", dots=True, best=best)
    caption = element("figcaption", element("strong", said))
    figure = element("figure", caption, drawing) if drawing else Html()
    table = _trial_table(listed, numbers, objective, _trial_links(facts, step))
    return join([element("div", figure, class_="plots"), table, _trial_command(facts, step)])


def _trial_table(
    listed: Sequence[Trial], numbers: Mapping[str, int], objective: str, links: Mapping[str, Html]
) -> Html:
    names = list(dict.fromkeys(name for trial in listed for name in trial.parameters))
    heads = ("Trial", objective, *names, "Status", "Training job")
    rows = [
        (
            f"{numbers[trial.name]} (best)" if trial.is_best else str(numbers[trial.name]),
            "-" if trial.value is None else number(trial.value),
            *(str(trial.parameters.get(name, "-")) for name in names),
            trial.status,
            links.get(trial.name, code(trial.name)),
        )
        for trial in listed
    ]
    return data_table("Tuning trials, the best first", heads, rows, numbers=frozenset({1}))


def _trial_links(facts: Facts, step: StepRecord) -> dict[str, Html]:
    logs = facts.run.trial_logs(step.name)
    return {name: link(facts.href(path), code(name)) for name, path in logs.items()}


def _trial_command(facts: Facts, step: StepRecord) -> Html:
    if not facts.run.trial_logs(step.name):
        return Html()
    line = f"{trial_command(facts.record, step.name)} JOB"
    return element("p", "The log of a trial: ", code(line), class_="small")
