"""What a step asks of the steps that it waits for, as JSONata that is true or false."""

from __future__ import annotations

import pytest

from smp.export.stepfunctions.flow import ended
from smp.export.stepfunctions.outcomes import COMPLETED, FAILED, NO, SKIPPED, STOPPED, YES

RECORD = "$states.input.fit"


@pytest.mark.parametrize(
    ("wanted", "possible", "expected"),
    [
        ({FAILED}, {COMPLETED, FAILED}, [f"$exists({RECORD}.FailureReason)"]),
        ({FAILED}, {SKIPPED, FAILED}, [f"$exists({RECORD}.FailureReason)"]),
        ({COMPLETED}, {COMPLETED, FAILED}, [f"$not($exists({RECORD}.FailureReason))"]),
        ({COMPLETED}, {COMPLETED, SKIPPED}, [f"$exists({RECORD})"]),
        ({YES}, {YES, NO}, [f"{RECORD}.Outcome = true"]),
        ({NO}, {YES, NO}, [f"{RECORD}.Outcome = false"]),
        ({FAILED}, {FAILED, STOPPED}, [f"$not({RECORD}.Stopped = true)"]),
        ({STOPPED}, {FAILED, STOPPED}, [f"{RECORD}.Stopped = true"]),
        (
            {COMPLETED},
            {COMPLETED, SKIPPED, FAILED},
            [f"$exists({RECORD})", f"$not($exists({RECORD}.FailureReason))"],
        ),
    ],
)
def test_each_end_is_told_from_the_others(
    wanted: set[str], possible: set[str], expected: list[str]
) -> None:
    assert ended("fit", frozenset(wanted), frozenset(possible)) == expected
