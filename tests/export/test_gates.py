"""A gate that reads a missing value fails on every engine, whatever it compares, and lets nothing pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smp.definition.compiled import CompiledPipeline
from smp.definition.language import expressions_in
from tests.export.definitions import (
    compare,
    condition,
    failed,
    function,
    get,
    join,
    pipeline,
    processing,
    register,
    training,
    value_of,
)
from tests.export.engines.local_run import run_locally
from tests.export.engines.ran import Ran, Story
from tests.export.engines.state_machine import run_as_state_machine
from tests.export.step_functions import Engine, deployed

Json = dict[str, Any]
METRIC = get("Steps.fit.FinalMetricDataList['auc'].Value")
OUTPUT = get("Steps.ask.OutputParameters['best']")
REPORTED = value_of("evaluate", "a['the score']")
KINDS = ("GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo", "Equals")
ABSENT = "absent"


@dataclass(frozen=True)
class Gate:
    """A pipeline with a gate, and what happens to it."""

    compiled: CompiledPipeline
    story: Story
    is_missing: bool
    """Whether the gate reads a value that is not there."""


def conditions(values: list[Any]) -> st.SearchStrategy[Json]:
    """Conditions over these values, of every kind and a few levels deep."""
    value = st.sampled_from(values)
    number = st.sampled_from([0, 0.5, 1])
    leaves = st.one_of(
        st.builds(compare, value, st.sampled_from(KINDS), st.one_of(number, value)),
        st.builds(
            lambda asked, listed: {"Type": "In", "QueryValue": asked, "Values": listed},
            value,
            st.lists(number, min_size=1, max_size=3),
        ),
        st.builds(
            lambda asked: compare(join("", asked, on=""), "Equals", "0.5"),
            value,
        ),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda one: {"Type": "Not", "Condition": one}, inner),
            st.builds(
                lambda kind, several: {"Type": kind, "Conditions": several},
                st.sampled_from(["Or", "And"]),
                st.lists(inner, min_size=1, max_size=3),
            ),
        ),
        max_leaves=5,
    )


@st.composite
def gates(draw: Any, functions: bool = True) -> Gate:
    """A gate before a registration, with a step for its failure; values are there, null or absent."""
    sources = {"fit": METRIC, "evaluate": REPORTED, **({"ask": OUTPUT} if functions else {})}
    there: Json = {step: draw(st.sampled_from([0, 0.25, 0.5, None, ABSENT])) for step in sources}
    asked = draw(st.lists(conditions(list(sources.values())), min_size=1, max_size=2))
    steps = [training("fit"), processing("evaluate")]
    if functions:
        steps.append(function("ask", {"why": "because"}, {"best": "Float"}))
    steps += [
        condition("gate", asked, [register("keep", "fit")], []),
        processing("tidy", DependsOn=failed("gate")),
    ]
    compiled = pipeline(*steps)
    story = Story(
        reports={"evaluate": _without_absent("a", "the score", there["evaluate"])},
        metrics={"fit": None if there["fit"] == ABSENT else there["fit"]},
        outputs={"ask": _given("best", there["ask"])} if functions else {},
    )
    if there["fit"] is None:
        there["fit"] = ABSENT
    read = list(expressions_in(asked))
    missing = [step for step, value in there.items() if value in (None, ABSENT)]
    return Gate(
        replace(compiled, definition=deployed(compiled.definition)),
        story,
        any(sources[step] in read for step in missing),
    )


def _given(name: str, value: Any) -> Json:
    return {} if value == ABSENT else {name: value}


def _without_absent(outer: str, name: str, value: Any) -> Json:
    return {outer: _given(name, value)}


def check_gate(gate: Gate, ran: Ran) -> None:
    """The gate fails if a value is missing; what waits for that runs then, and only then."""
    assert ("tidy" in ran.requests) == gate.is_missing
    assert ("gate" in ran.outcomes) != gate.is_missing
    assert ran.succeeded != gate.is_missing
    assert ("keep" in ran.requests) == ran.outcomes.get("gate", False)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(gate=gates())
def test_a_gate_whose_value_is_missing_fails_on_step_functions_as_here(
    gate: Gate, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = run_locally(gate.compiled, gate.story, tmp_path_factory.mktemp("local"))
    there = run_as_state_machine(gate.compiled, gate.story, engine)
    check_gate(gate, here)
    check_gate(gate, there)
    assert there.outcomes == here.outcomes


def test_fails_where_a_gate_is_passed_without_its_value(tmp_path: Path) -> None:
    """The check itself: a run that took the step behind the gate is found."""
    compiled = pipeline(training("fit"), register("keep", "fit"))
    compiled = replace(compiled, definition=deployed(compiled.definition))
    ran = replace(run_locally(compiled, Story(), tmp_path), outcomes={"gate": True})
    with pytest.raises(AssertionError):
        check_gate(Gate(compiled, Story(), is_missing=True), ran)
