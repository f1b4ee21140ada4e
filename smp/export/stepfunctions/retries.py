"""The retry policies of a step as a state machine keeps to them.

A refused call is tried again by the state itself. A job that failed ends in an error of one name, whatever
the reason, so that is asked for by states of its own: a fault of a script is never tried again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from smp.definition.compiled import Json
from smp.export.stepfunctions.step_types import call_of
from smp.export.workflow import Task

ATTEMPTS = "Attempts"
"""Member of the record of a step whose job failed: how often."""

MAX_RETRIES = 99

CALL_ERRORS: Mapping[str, str] = {
    "Step.SERVICE_FAULT": "",
    "Step.THROTTLING": "",
    "SageMaker.RESOURCE_LIMIT": "SageMaker.ResourceLimitExceededException",
}
"""Errors of a call by exception type; an empty one is the integration's own."""

JOB_REASONS: Mapping[str, str] = {
    "SageMaker.JOB_INTERNAL_ERROR": "Internal(Server)?Error",
    "SageMaker.CAPACITY_ERROR": "CapacityError",
    "SageMaker.RESOURCE_LIMIT": "ResourceLimitExceeded",
}
"""What the FailureReason of a job begins with, by exception type: regular expressions."""


@dataclass(frozen=True)
class JobRetry:
    """After which faults of a job it is started again, how often, and how long after."""

    reasons: tuple[str, ...]
    interval_seconds: int
    backoff_rate: float
    max_attempts: int | None = None
    expire_after_minutes: int | None = None


def call_retriers(task: Task) -> list[Json]:
    """Return the Retry of a task's state."""
    own = call_of(task).error
    return [
        {
            "ErrorEquals": list(errors),
            "IntervalSeconds": policy["IntervalSeconds"],
            "BackoffRate": policy["BackoffRate"],
            "MaxAttempts": _attempts(policy),
        }
        for policy in task.retries
        if (errors := dict.fromkeys(_call_errors(policy, own)))
    ]


def job_retries(task: Task) -> list[JobRetry]:
    """Return what a task's job is started again after."""
    return [
        JobRetry(
            reasons,
            policy["IntervalSeconds"],
            policy["BackoffRate"],
            min(policy["MaxAttempts"], MAX_RETRIES) if "MaxAttempts" in policy else None,
            policy.get("ExpireAfterMin"),
        )
        for policy in task.retries
        if (reasons := tuple(_reasons(policy)))
    ]


def _call_errors(policy: Json, own: str) -> Iterator[str]:
    for kind in policy["ExceptionType"]:
        if kind in CALL_ERRORS:
            yield CALL_ERRORS[kind] or own


def _reasons(policy: Json) -> Iterator[str]:
    for kind in policy["ExceptionType"]:
        if kind in JOB_REASONS:
            yield JOB_REASONS[kind]


def _attempts(policy: Json) -> int:
    """Return how often to try again: as said, or as often as the waits fit into the time that is given."""
    if "MaxAttempts" in policy:
        return min(int(policy["MaxAttempts"]), MAX_RETRIES)
    left, wait, attempts = 60.0 * policy["ExpireAfterMin"], float(policy["IntervalSeconds"]), 0
    while wait <= left and attempts < MAX_RETRIES:
        left -= wait
        wait *= policy["BackoffRate"]
        attempts += 1
    return attempts
