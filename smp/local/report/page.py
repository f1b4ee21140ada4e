"""Puts a run's report together: one HTML file that loads nothing, for a screen of any width.

Its script only adds comfort; without it everything can be read.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
import time
from importlib.resources import files
from pathlib import Path

from smp import __version__
from smp.definition.compiled import CompiledPipeline
from smp.local.report.facts import NOT_IN_RUN, Facts
from smp.local.report.lineage import render_artifacts, render_lineage
from smp.local.report.markup import Child, Html, code, command, element, facts, fold, join, link
from smp.local.report.results import render_results
from smp.local.report.states import badge, icon_of, state_class
from smp.local.report.steps import render_failures, render_steps
from smp.local.report.timeline import render_timeline
from smp.local.show.commands import STATES, resume_command, shown_state
from smp.local.show.results import outcome_summary, registered_version
from smp.local.store.places import Places
from smp.local.store.run_store import EXECUTING, STOPPED, SUCCEEDED, Run
from smp.picture.dag import read_dag
from smp.picture.svg import px
from smp.picture.svg_picture import HEADER, MARGIN, Mark, render_svg
from smp.text.human import duration, moment

PICTURE_SIZE = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)" width="[\d.]+" height="[\d.]+"')
STROKE_ROOM = 6.0
"""What stays of the picture's margin: room for the outlines of its boxes."""


def render_report(
    run: Run,
    compiled: CompiledPipeline,
    places: Places,
    beside: Path | None = None,
    now: float | None = None,
) -> str:
    """Return the report of a run that has ended or still continues.

    `beside` is the directory that the report will lie in, by default the run's own: links to logs and
    artifacts are relative to it. `now` is the moment up to which steps that still run are shown.
    """
    record = run.record()
    steps = {name: run.step(name) for name in record.steps}
    report = Facts(
        run, record, compiled, places, steps, now or time.time(), beside or run.directory
    )
    sections = [
        render_failures(report),
        _notices(report),
        render_results(report),
        _picture(report),
        render_timeline(report),
        render_lineage(report),
        render_artifacts(report),
        render_steps(report),
    ]
    return _document(report, [section for section in sections if section])


def _document(report: Facts, sections: list[Html]) -> str:
    script = Html(_asset("report.js"))
    title = f"{report.record.pipeline}: {report.record.status} ({report.record.id})"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"smp {__version__}"),
        element("title", title),
        element("style", Html(_asset("report.css"))),
    )
    body = element(
        "body",
        link("#content", "To the content", class_="skip"),
        _header(report),
        _navigation(sections),
        element("main", *sections, id="content", tabindex=-1),
        _footer(report),
        element("script", script),
    )
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def _policy(script: str) -> str:
    """Allow the one script and styles, and nothing from anywhere else."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _header(report: Facts) -> Html:
    record = report.record
    states = [shown_state(step) for step in report.steps.values()]
    counts = [f"{states.count(s)} {s.lower()}" for s in STATES if s in states]
    sandboxes = dict.fromkeys(step.sandbox for step in report.begun if step.sandbox)
    versions = [registered_version(step) for step in report.begun]
    took = duration((record.ended or report.now) - record.started)
    pairs: list[tuple[str, Child]] = [
        ("Run", code(record.id)),
        ("Started", moment(record.started)),
        ("Took", took if record.ended else f"{took} so far"),
        ("Steps", ", ".join(counts)),
        ("Sandbox", ", ".join(sandboxes)),
        ("Registered", ", ".join(f"{v.group} version {v.version}" for v in versions if v)),
        *(
            (f"Parameter {name}", code(str(value) if value != "" else '""'))
            for name, value in record.parameters.items()
        ),
    ]
    return element(
        "header",
        element("p", "Local run of the pipeline", class_="eyebrow"),
        element("div", element("h1", record.pipeline), badge(record.status), class_="title"),
        element("p", report.compiled.description or "", class_="small"),
        facts(pairs),
        _comparison(report),
    )


def _comparison(report: Facts) -> Html:
    """Say how to see what differs from the run before, where both succeeded."""
    before = report.succeeded_before if report.record.status == SUCCEEDED else None
    if before is None:
        return Html()
    line = report.command("compare", before, report.record.id)
    return element("p", "Compare with the success before: ", command(line), class_="next")


def _navigation(sections: list[Html]) -> Html:
    names = ("failures", "results", "pipeline", "timeline", "lineage", "artifacts", "steps")
    whole = join(sections)
    items = [
        element("li", link(f"#{name}", name.capitalize()))
        for name in names
        if f'<h2 id="{name}">' in whole
    ]
    return element("nav", element("ul", *items), aria_label="Sections")


def _notices(report: Facts) -> Html:
    """Write what a reader must not overlook: stand-ins, a run that has not ended well."""
    notices = [
        element(
            "p",
            element("strong", f"{step.name} ran a stand-in: "),
            code(step.stand_in or ""),
            " took the place of the algorithm's container, which does not exist on this machine. "
            "Its model and metrics say nothing about the real algorithm.",
        )
        for step in report.begun
        if step.stand_in
    ]
    notices += [
        element("p", element("strong", f"{step.name}: "), text)
        for step, text in report.run.warnings()
    ]
    record = report.record
    if record.reason:
        notices.append(element("p", record.reason))
    if record.status == STOPPED:
        notices.append(element("p", "Continue with the run: ", command(resume_command(record))))
    if record.status == EXECUTING:
        said = "The run had not ended when this report was written. If it was killed, resume with: "
        notices.append(element("p", said, command(resume_command(record))))
    return (
        element("aside", *notices, class_="card notice", aria_label="Notice") if notices else Html()
    )


def _picture(report: Facts) -> Html:
    dag = read_dag(report.compiled, report.compiled.step_models)
    marks = {step.name: _mark(report, step.name) for step in dag.steps}
    drawing = element(
        "div",
        Html(_crop(render_svg(dag, marks))),
        class_="dag",
        tabindex=0,
        role="region",
        aria_label="Picture of the pipeline",
    )
    heading = element("h2", "Pipeline", id="pipeline")
    return element("section", heading, drawing, class_="card")


def _crop(svg: str) -> str:
    """Leave out a picture's title, which the page has already, and most of its margin."""
    cut = MARGIN - STROKE_ROOM
    found = PICTURE_SIZE.search(svg)
    if found is None:
        raise ValueError("the picture does not say its size")
    width, height = float(found[1]) - 2 * cut, float(found[2]) - 2 * cut - HEADER
    size = f'width="{px(width)}" height="{px(height)}"'
    view = f'viewBox="{px(cut)} {px(cut + HEADER)} {px(width)} {px(height)}" {size}'
    return svg[: found.start()] + view + svg[found.end() :]


def _mark(report: Facts, name: str) -> Mark:
    state = report.state(name)
    if state == NOT_IN_RUN:
        return Mark(state_class(state), icon_of(state), "not in this run")
    step = report.steps[name]
    stand_in = "stand-in" if step and step.stand_in else ""
    decided = outcome_summary(step).removeprefix("the condition ") if step else ""
    parts = (state, decided, report.took(step), stand_in)
    words = " · ".join(part for part in parts if part)
    return Mark(state_class(state), icon_of(state), words, f"#{report.anchor(name)}")


def _footer(report: Facts) -> Html:
    options = [
        (name.replace("_", " "), code(shlex.join(value) if name == "where" else str(value)))
        for name, value in report.record.options.items()
        if value not in (None, [], ())
    ]
    return element(
        "footer",
        fold("Options of the run", facts(options)) if options else Html(),
        element("p", f"Written by smp {__version__} on {moment(report.now)}", class_="small"),
    )
