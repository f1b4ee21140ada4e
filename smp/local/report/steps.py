"""Each step with all that is known of it, folded: facts, inputs, request, and the end of its log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from smp.local.report.facts import Facts
from smp.local.report.lineage import digest, inputs_table, told
from smp.local.report.markup import Child, Html, code, command, element, facts, fold, join, link
from smp.local.report.states import badge, state_class
from smp.local.report.timeline import why
from smp.local.show.commands import log_command, recovery_commands, shown_state, trial_command
from smp.local.show.progress import read_tail
from smp.local.store.run_store import FAILED, StepRecord
from smp.text.human import counted, moment, size

FOLDED_LINES, FOLDED_BYTES = 100, 16 * 1024
FAILED_LINES, FAILED_BYTES = 300, 48 * 1024
FAILURE_LINES = 25
"""Lines of the log beside the failure itself, on top of the report."""
MAX_REQUEST = 20_000


def render_failures(report: Facts) -> Html:
    """Write what failed, why, and what to do next; empty where nothing did."""
    if not report.failed:
        return Html()
    return element(
        "section",
        element("h2", f"{counted(len(report.failed), 'step')} failed", id="failures"),
        *(_failure(report, step) for step in report.failed),
        class_="card failures",
    )


def _failure(report: Facts, step: StepRecord) -> Html:
    record = report.record
    commands: list[tuple[str, Child]] = [
        (what.capitalize(), command(line)) for what, line in recovery_commands(record, step)
    ]
    if report.run.log_path(step.name).exists():
        commands.append(("See the whole log", command(log_command(record, step.name))))
    trial = _failed_trial(report, step)
    if trial:
        line = f"{trial_command(record, step.name)} {trial}"
        commands.append(("See the failed trial's log", command(line)))
    return element(
        "article",
        element("h3", link(f"#{report.anchor(step.name)}", step.name)),
        element("p", step.reason or "no reason is recorded", class_="reason"),
        log(report, step, FAILURE_LINES, FAILED_BYTES),
        _trial_log(report, step, trial) if trial else Html(),
        facts(commands),
    )


def _failed_trial(report: Facts, step: StepRecord) -> str | None:
    """Return the training job of a search that failed first in its latest attempt, as its log has it."""
    names = report.run.trial_logs(step.name)
    said = read_tail(report.run.log_path(step.name), FAILED_LINES, FAILED_BYTES).lines
    failed = [name for line in said for name in names if line.startswith(f"{name} Failed: ")]
    return next((name for name in failed if _search(name) == _search(failed[-1])), None)


def _search(trial: str) -> str:
    """Return the name of the tuning job that a training job belongs to."""
    return trial.rsplit("-", 2)[0]


def _trial_log(report: Facts, step: StepRecord, trial: str) -> Html:
    path = report.run.trial_logs(step.name)[trial]
    return _end_of(report, path, trial, FAILURE_LINES, FAILED_BYTES)


def render_steps(report: Facts) -> Html:
    """Write every step of the run; those that failed are open."""
    tools = element(
        "div",
        element("label", "Find a step ", element("input", type="search", id="find")),
        element("button", "Open all", type="button", id="open-all"),
        element("button", "Close all", type="button", id="close-all"),
        element("span", class_="small", id="found", role="status"),
        class_="tools",
        id="tools",
        hidden=True,
    )
    items = [_step(report, name) for name in report.steps]
    heading = element("h2", "Steps", id="steps")
    return element("section", heading, tools, *items, class_="card steps")


def _step(report: Facts, name: str) -> Html:
    step = report.steps[name]
    state = shown_state(step)
    summary = join(
        [
            element("span", name, class_="name"),
            element("span", report.types.get(name, ""), class_="small"),
            element("span", "stand-in", class_="tag") if step and step.stand_in else "",
            badge(state),
            element("span", report.took(step), class_="took"),
        ]
    )
    body = _body(report, step) if step else element("p", "This step has not begun.")
    return fold(
        summary,
        element("div", body, class_="body"),
        is_open=state == FAILED,
        id=report.anchor(name),
        class_=f"step {state_class(state)}",
    )


def _body(report: Facts, step: StepRecord) -> Html:
    return join(
        [
            facts(_step_facts(report, step)),
            inputs_table(report, step),
            told(step),
            _request(step),
            _log(report, step),
        ]
    )


def _step_facts(report: Facts, step: StepRecord) -> Iterator[tuple[str, Child]]:
    yield "Reason", step.reason or ""
    yield "Item", step.item or ""
    yield "Result", why(step)
    yield "Stand-in", f"{step.stand_in} ran in place of the algorithm" if step.stand_in else ""
    yield "Started", moment(step.started) if step.started is not None else ""
    yield "Took", report.took(step)
    yield "Attempts", str(step.attempts) if step.attempts > 1 else ""
    yield "Sandbox", step.sandbox or ""
    yield "Model", report.compiled.step_models.get(step.name, "")
    for tree in report.data.code(step):
        place = link(report.href(report.data.code_directory(tree)), code(tree.origin))
        yield "Code", join([place, " ", digest(tree.sha256)])


def _request(step: StepRecord) -> Html:
    if not step.arguments:
        return Html()
    whole = json.dumps(step.arguments, indent=2, ensure_ascii=False, default=str)
    cut = "\n…" if len(whole) > MAX_REQUEST else ""
    shown = element("pre", whole[:MAX_REQUEST] + cut, tabindex=0, class_="code")
    return fold("Request as the API would get it", shown)


def _log(report: Facts, step: StepRecord) -> Html:
    if step.status == FAILED:
        return fold("Log", log(report, step, FAILED_LINES, FAILED_BYTES), is_open=True)
    written = log(report, step, FOLDED_LINES, FOLDED_BYTES)
    return fold("Log", written) if written else Html()


def log(report: Facts, step: StepRecord, max_lines: int, max_bytes: int) -> Html:
    """Write the end of a step's log with a link to the file; empty where there is no log."""
    path = report.run.log_path(step.name)
    return _end_of(report, path, step.name, max_lines, max_bytes)


def _end_of(report: Facts, path: Path, whose: str, max_lines: int, max_bytes: int) -> Html:
    tail = read_tail(path, max_lines, max_bytes)
    if not tail.lines:
        return Html()
    shown = "All" if tail.is_whole else f"The last {counted(len(tail.lines), 'line')}"
    about = element(
        "p",
        f"{shown} of ",
        link(report.href(path), path.name),
        f" ({size(tail.size)})",
        class_="small",
    )
    # The box grows upward, so that without a script too it opens at the log's end.
    lines = element(
        "div",
        element("pre", "\n".join(tail.lines)),
        tabindex=0,
        class_="log",
        role="region",
        aria_label=f"Log of {whose}",
    )
    return join([about, lines])
