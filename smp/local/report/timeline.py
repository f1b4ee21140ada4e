"""The run over time: for each step when it ran, whether its result was reused, and why it was not."""

from __future__ import annotations

from smp.local.report.facts import Facts
from smp.local.report.markup import Html, element, link
from smp.local.report.plots import nice_ticks
from smp.local.report.states import icon, state_class
from smp.local.show.commands import shown_state
from smp.local.show.results import outcome_summary
from smp.local.store.run_store import SKIPPED, StepRecord

SCALES = ((7200.0, 3600.0, "h"), (120.0, 60.0, "min"), (0.0995, 1.0, "s"), (0.0, 0.001, "ms"))
"""From how many seconds on the axis is in which unit: no finer than the durations beside it."""


def render_timeline(facts: Facts) -> Html:
    """Write a Gantt chart as a list: one item a step, its bar placed in percent of the run."""
    begin, end = _span(facts)
    items = [_item(facts, name, begin, end - begin) for name in facts.steps]
    return element(
        "section",
        element("h2", "Timeline", id="timeline"),
        element("div", *_axis(end - begin), class_="axis", aria_hidden="true"),
        element("ol", *items, class_="gantt"),
        class_="card",
    )


def _span(facts: Facts) -> tuple[float, float]:
    times = [facts.record.started]
    for step in facts.begun:
        times += [time for time in (step.started, step.ended or facts.now) if time is not None]
    if facts.record.ended is None:
        times.append(facts.now)
    return min(times), max(max(times), min(times) + 0.001)


def _axis(seconds: float) -> list[Html]:
    unit, name = next((unit, name) for least, unit, name in SCALES if seconds >= least)
    ticks = [tick * unit for tick in nice_ticks(0, seconds / unit, 5)]
    return [
        element("span", f"{tick / unit:g} {name}", style=f"left:{tick / seconds:.4%}")
        for tick in ticks
        if tick <= seconds * 0.86
    ]


def _item(facts: Facts, name: str, begin: float, span: float) -> Html:
    step = facts.steps[name]
    state = shown_state(step)
    label = link(f"#{facts.anchor(name)}", icon(state), element("span", name), class_="name")
    words = facts.took(step) or state.lower()
    return element(
        "li",
        label,
        element("div", _bar(facts, step, begin, span), class_="track", aria_hidden="true"),
        element("span", element("span", f"{state} ", class_="unseen"), words, class_="took"),
        element("p", why(step), class_="small") if why(step) else Html(),
        class_=state_class(state),
    )


def _bar(facts: Facts, step: StepRecord | None, begin: float, span: float) -> Html:
    if step is None or step.started is None or step.status == SKIPPED:
        return Html()
    left = (step.started - begin) / span
    width = ((step.ended or facts.now) - step.started) / span
    return element(
        "span", class_="bar", style=f"left:min({left:.3%},100% - 4px);width:{max(width, 0):.3%}"
    )


def why(step: StepRecord | None) -> str:
    """Say in words where a step's result comes from, or what became of it."""
    if step is None:
        return ""
    decided = outcome_summary(step).capitalize()
    if step.reused_from:
        source = f"Cache hit: the result of run {step.reused_from}"
        return f"{decided}. {source}" if decided else source
    if step.status == SKIPPED:
        return f"Skipped: {step.reason}" if step.reason else ""
    ran = f"Ran: {step.why}" if step.why else ""
    return ". ".join(text for text in (decided, ran) if text)
