"""A Float inside text is the same text in a state machine as everywhere: the one of Python and of JSON."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jsonata import Jsonata

from smp.export.stepfunctions.float_text import float_text, is_exact
from tests.export.definitions import fail, get, join, parameter, pipeline, processing, training
from tests.export.emulated_states import Plan
from tests.export.engines.local_run import run_locally
from tests.export.engines.ran import Story
from tests.export.step_functions import Engine, deployed

Json = dict[str, Any]
RATE = get("Parameters.rate")


def evaluated(code: str, **variables: Any) -> Any:
    expression = Jsonata(code)
    for name, value in variables.items():
        expression.assign(name, value)
    return expression.evaluate(None)


FLOATS = st.one_of(
    st.floats(-1e300, 1e300, allow_subnormal=False),
    st.builds(
        lambda digits, power: float(f"{digits}e{power}"),
        st.integers(-(10**15) + 1, 10**15 - 1),
        st.integers(-40, 40),
    ),
)
"""Any, and those of up to 15 digits, which are what people write."""


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(value=FLOATS)
@example(value=0.0)
@example(value=1.0)
@example(value=-1.5)
@example(value=1e-5)
@example(value=1e-4)
@example(value=0.00012)
@example(value=1e15)
@example(value=1e16)
@example(value=1e17)
@example(value=123456789012345e20)
@example(value=1e-300)
def test_the_text_is_that_of_json_wherever_no_digit_is_lost(value: float) -> None:
    exact = evaluated(is_exact("$value"), value=value)
    assert exact == (float(f"{value:.15g}") == value)
    assume(exact)
    expected = json.dumps(value) if value else "0.0"
    assert evaluated(float_text("$value"), value=value) == expected


@settings(max_examples=300, deadline=None, derandomize=True)
@given(value=st.floats(-1e18, 1e18, allow_nan=False, allow_subnormal=False))
def test_another_way_to_write_the_same_number_makes_the_same_text(value: float) -> None:
    """Implementations differ in when they write an exponent, and how."""
    value = float(f"{value:.15g}") + 0.0
    plain = format(Decimal(f"{value:.15g}"), "f")
    for written in (f"{value:.15g}", f"{value:.14E}", f"{value:.14e}", plain):
        assert float(written) == value
        expected = json.dumps(value) if value else "0.0"
        assert evaluated(float_text("$value"), value=written) == expected


def rated(default: float | None) -> Any:
    told = {"RATE": join("rate", RATE, on="="), "ALONE": join("", RATE, on="")}
    declared = {} if default is None else {"DefaultValue": default}
    step = processing("prep", environment=told)
    return pipeline(step, parameters=[parameter("rate", "Float", **declared)])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("default", "given", "text"),
    [
        (1.0, {}, "1.0"),
        (0.30000000000000004, {}, "0.30000000000000004"),
        (1e-5, {}, "1e-05"),
        (0.5, {"rate": 1}, "1.0"),
        (0.5, {"rate": "1"}, "1.0"),
        (0.5, {"rate": "1e-5"}, "1e-05"),
        (0.5, {"rate": 1e22}, "1e+22"),
        (None, {"rate": "-2.50"}, "-2.5"),
    ],
)
def test_a_parameter_is_the_same_text_here_and_in_a_state_machine(
    default: float | None, given: Json, text: str, engine: Engine, tmp_path: Path
) -> None:
    compiled = rated(default)
    done = engine.run(compiled, given=given)
    assert (done.status, done.cause) == ("SUCCEEDED", "")
    there = done.calls[0].request["Environment"]
    compiled = pipeline(
        *deployed(compiled.definition["Steps"]), parameters=compiled.definition["Parameters"]
    )
    here = run_locally(compiled, Story(parameters=given), tmp_path).requests["prep"]["Environment"]
    assert there == here == {"RATE": f"rate={text}", "ALONE": text}


@pytest.mark.slow
def test_fails_for_a_float_of_which_the_text_would_lose_digits(engine: Engine) -> None:
    done = engine.run(rated(0.5), given={"rate": 0.30000000000000004})
    assert done.cause == "rate: at most 15 significant digits, it is part of a text"
    alone = pipeline(processing("prep"), parameters=[parameter("rate", "Float", DefaultValue=0.5)])
    assert engine.run(alone, given={"rate": 0.30000000000000004}).status == "SUCCEEDED"


@pytest.mark.slow
def test_a_metric_is_the_text_of_a_float(engine: Engine) -> None:
    metric = get("Steps.fit.FinalMetricDataList['auc'].Value")
    steps = pipeline(training("fit"), fail("tell", join("auc is", metric, on=" ")))
    described = {"FinalMetricDataList": [{"MetricName": "auc", "Value": 1.0}]}
    assert engine.run(steps, Plan(answers={"fit": described})).cause == "auc is 1.0"
