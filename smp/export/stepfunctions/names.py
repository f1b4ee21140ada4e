"""The names that a state machine gives: to jobs and models, and to its own states.

It never makes a name that two pipelines or two attempts could share.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from smp.export.stepfunctions.jsonata import record
from smp.export.stepfunctions.retries import ATTEMPTS, job_retries
from smp.export.workflow import Task

MAX_STATE_NAME = 80
"""Characters of a state's name (States Language)."""

RUN = "$Run"
"""The variable that tells one execution's names from another's."""

DIGITS = 8
TAIL = len("-") + DIGITS + 2 * len("-99")
"""What a name ends in: the execution, how often its job was started again, and how often its call was."""


def job_prefix(task: Task) -> str:
    """Return what the names of a task's jobs or models begin with, in lower case as their ARNs are.

    A step that names its job's prefix itself gets that one; what is too long is cut and ends in its hash.
    """
    call = task.call
    given = task.arguments.get(call.name_member or "")
    name = re.sub(r"[^a-z0-9]+", "-", str(given or task.name).lower()).strip("-")
    return _cut(name, call.longest_name - TAIL)


def job_name(task: Task) -> str:
    """Return the JSONata of the name of the job or model of the present attempt.

    Each attempt has one of its own, for the service takes no name twice.
    """
    again = f"{record(task.name)}.{ATTEMPTS}"
    started = f" & ($exists({again}) ? {again} : 0) & '-'" if job_retries(task) else ""
    return f"'{job_prefix(task)}-' & {RUN} & '-'{started} & $states.context.State.RetryCount"


def run_digits() -> str:
    """Return the JSONata of what `RUN` is: names of executions may come again, with another start."""
    started = "$states.context.Execution.Id & $states.context.Execution.StartTime"
    return f"$substring($hash({started}, 'SHA-256'), 0, {DIGITS})"


def state_name(step: str, purpose: str) -> str:
    """Return the name of a state that serves a step; it holds a blank, as no step's name does."""
    return _cut(step, MAX_STATE_NAME - len(purpose) - 2) + f": {purpose}"


def fork_name(steps: Iterable[str]) -> str:
    """Return the name of a state that starts several branches, by the first step of each."""
    return _cut(" and ".join(steps), MAX_STATE_NAME)


def _cut(name: str, longest: int) -> str:
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: longest - 7].rstrip('-')}-{digest}"
