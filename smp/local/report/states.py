"""How a step's state looks: an icon of its own shape, so that colour is never the only sign."""

from __future__ import annotations

from collections.abc import Mapping

from smp.local.report.facts import NOT_IN_RUN
from smp.local.report.markup import Html, element
from smp.local.show.commands import REUSED, WAITING
from smp.local.store.run_store import EXECUTING, FAILED, SKIPPED, STARTING, STOPPED, SUCCEEDED

CIRCLE = "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z"
ICONS: Mapping[str, str] = {
    SUCCEEDED: "M2.5 8.5l3.7 3.7L13.5 4.5",
    REUSED: "M13 8a5 5 0 1 1-1.6-3.7M13.2 1.8v3.4H9.8",
    FAILED: "M3.2 3.2l9.6 9.6M12.8 3.2l-9.6 9.6",
    STOPPED: "M4 4h8v8H4z",
    EXECUTING: "M5 3l8 5l-8 5z",
    STARTING: "M8 4v4l2.8 1.8" + CIRCLE,
    WAITING: "M8 4v4l2.8 1.8" + CIRCLE,
    SKIPPED: "M3.4 12.6l9.2-9.2" + CIRCLE,
    NOT_IN_RUN: "M3 8h10",
}
CLASSES: Mapping[str, str] = {
    SUCCEEDED: "succeeded",
    REUSED: "reused",
    FAILED: "failed",
    STOPPED: "stopped",
    EXECUTING: "executing",
}
"""The states that have a colour; the others are muted."""


def state_class(state: str) -> str:
    """Return the class that gives a state its colour."""
    return f"state-{CLASSES.get(state, 'idle')}"


def icon_of(state: str) -> str:
    """Return the path of a state's icon, in a square of 16."""
    return ICONS.get(state, ICONS[WAITING])


def icon(state: str) -> Html:
    """Write a state's icon, which a screen reader passes over: the word stands beside it."""
    path = element("path", d=icon_of(state))
    return element("svg", path, class_="icon", viewBox="0 0 16 16", aria_hidden="true")


def badge(state: str) -> Html:
    """Write a state as icon and word."""
    return element("span", icon(state), state, class_=f"badge {state_class(state)}")
