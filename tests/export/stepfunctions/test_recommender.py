"""The recommender of the examples as a state machine, trained and tuned, registered and refused."""

from __future__ import annotations

import pytest

from tests.export.recommender import (
    BEFORE_THE_GATE,
    NAME,
    REASON,
    REPORT,
    SETTINGS,
    check_calls,
    recommender,
    report,
)
from tests.export.step_functions import BUCKET, Engine


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("is_good", [True, False], ids=["registered", "refused"])
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
