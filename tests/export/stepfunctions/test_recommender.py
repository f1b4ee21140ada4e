"""The recommender of the examples as a state machine, trained and tuned, registered and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.export.engines.local_run import run_locally
from tests.export.engines.state_machine import run_as_state_machine
from tests.export.recommender import (
    BEFORE_THE_GATE,
    NAME,
    REASON,
    REPORT,
    SETTINGS,
    check_calls,
    comparable,
    recommender,
    report,
    story,
)
from tests.export.step_functions import BUCKET, Engine, deployed


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("is_good", [True, False], ids=["registered", "refused"])
@pytest.mark.slow
def test_the_recommender_runs_on_step_functions(
    setting: str, is_good: bool, engine: Engine
) -> None:
    engine.put(f"{NAME}/evaluation/{engine.next_id()}/{REPORT}.json", report(is_good))
    done = engine.run(recommender(setting))
    if is_good:
        assert (done.status, done.cause) == ("SUCCEEDED", "")
    else:
        assert (done.status, done.error) == ("FAILED", "recommender-refuse")
        assert done.cause == REASON
    asked = done.states()
    assert asked[:5] == [f"recommender-{name}" for name in BEFORE_THE_GATE]
    assert ("recommender-register-RegisterModel" in asked) == is_good
    requests: dict[str, list[dict[str, object]]] = {}
    for call in done.calls:
        requests.setdefault(call.action[0].upper() + call.action[1:], []).append(call.request)
    place = f"executions/{NAME}/{done.id}/recommender-prepare/output"
    check_calls(setting, BUCKET, requests, place)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("is_good", [True, False], ids=["registered", "refused"])
@pytest.mark.slow
def test_it_asks_for_the_same_as_a_local_run(
    setting: str, is_good: bool, engine: Engine, tmp_path: Path
) -> None:
    compiled = recommender(setting)
    compiled = replace(compiled, definition=deployed(compiled.definition))
    here = run_locally(compiled, story(is_good), tmp_path)
    there = run_as_state_machine(compiled, story(is_good), engine)
    assert comparable(there) == comparable(here)
    assert there.outcomes == here.outcomes == {"recommender-gate": is_good}
    assert there.succeeded == here.succeeded == is_good
