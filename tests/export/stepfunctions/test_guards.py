"""What a state machine asks before a failure step runs: each part of it decides something."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from smp.export.stepfunctions import render_state_machine
from tests.export.definitions import (
    compare,
    condition,
    failed,
    function,
    get,
    model,
    pipeline,
    processing,
    training,
)
from tests.export.emulated_states import Plan
from tests.export.step_functions import Engine
from tests.export.stepfunctions.checks import states_in

Json = dict[str, Any]
pytestmark = pytest.mark.slow

BROKEN = "AlgorithmError: exit code 1"
GOOD: Json = {"best": 0.9}
STORIES: dict[str, tuple[dict[str, list[str | None]], Json]] = {
    "nothing failed": ({}, GOOD),
    "fit failed": ({"fit": [BROKEN]}, GOOD),
    "fit was stopped": ({"fit": ["Stopped"]}, GOOD),
    "other failed": ({"other": [BROKEN]}, GOOD),
    "both failed": ({"fit": [BROKEN], "other": [BROKEN]}, GOOD),
    "no answer": ({}, {}),
    "null as answer": ({}, {"best": None}),
}
OUTPUT = get("Steps.ask.OutputParameters['best']")

GUARDED = pipeline(
    training("fit"),
    training("other"),
    function("ask", {}, {"best": "Float"}),
    model("serve", "fit", DependsOn=["other"]),
    processing("tidy", DependsOn=failed("fit")),
    processing("on-stop", DependsOn=failed("fit", "Stopped")),
    condition(
        "gate",
        [compare(OUTPUT, "GreaterThan", 0.5)],
        [processing("keep", DependsOn=["other"])],
        [],
    ),
    processing("no-answer", DependsOn=failed("gate")),
)


def _without_exists(text: str) -> str:
    """Drop each `$exists` that asks for a reason of a failure, and keep what it asked of."""
    return re.sub(r"\$exists\(([^()]*\.FailureReason)\)", r"\1", text)


def _always_exists(text: str) -> str:
    return re.sub(r"\$exists\(([^()]*\.FailureReason)\)", "true", text)


def _never_exists(text: str) -> str:
    return re.sub(r"\$exists\(([^()]*\.FailureReason)\)", "false", text)


def _values_are_there(text: str) -> str:
    return re.sub(r"\(\$exists\([^()]*\) and [^()]* != null\)", "true", text)


def _values_are_not_null(text: str) -> str:
    return re.sub(r"(\$states\.input\.[^ ]+) != null", "true", text)


def _stopped_as_failed(text: str) -> str:
    return re.sub(r"\$not\(([^()]*\.Stopped) = true\)", "true", text)


MUTATIONS: tuple[Callable[[str], str], ...] = (
    _without_exists,
    _always_exists,
    _never_exists,
    _values_are_there,
    _values_are_not_null,
    _stopped_as_failed,
)


def mutated(machine: Json, mutate: Callable[[str], str]) -> Json:
    """Return a state machine with every condition that the mutation changes changed."""
    mutant = copy.deepcopy(machine)
    for _, state in states_in(mutant):
        for rule in state.get("Choices", []):
            rule["Condition"] = mutate(rule["Condition"])
    assert mutant != machine, f"{mutate.__name__} changes nothing"
    return mutant


def behaviour(engine: Engine, machine: Json) -> list[Any]:
    """Return what was called, and how it ended, in each story."""
    seen = []
    for ends, answer in STORIES.values():
        plan = Plan(ends=copy.deepcopy(ends), outputs={"ask": answer})
        done = engine.run(GUARDED, plan, machine=machine)
        seen.append((sorted(done.states()), done.status, done.error, done.cause))
    return seen


@pytest.fixture(scope="module")
def expected(engine: Engine) -> list[Any]:
    return behaviour(engine, render_state_machine(GUARDED))


def test_each_story_ends_as_it_should(expected: list[Any]) -> None:
    states = dict(zip(STORIES, (seen[0] for seen in expected), strict=True))
    before = ["ask", "fit", "other"]
    assert states == {
        "nothing failed": sorted([*before, "keep", "serve"]),
        "fit failed": sorted([*before, "keep", "tidy"]),
        "fit was stopped": sorted([*before, "keep", "on-stop"]),
        "other failed": before,
        "both failed": sorted([*before, "tidy"]),
        "no answer": sorted([*before, "no-answer", "serve"]),
        "null as answer": sorted([*before, "no-answer", "serve"]),
    }


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda mutate: mutate.__name__.strip("_"))
def test_fails_where_a_guard_is_mutated(
    mutate: Callable[[str], str], expected: list[Any], engine: Engine
) -> None:
    assert behaviour(engine, mutated(render_state_machine(GUARDED), mutate)) != expected
