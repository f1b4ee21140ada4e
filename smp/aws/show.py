"""Executions as text for a terminal and as values for a program."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from smp.aws.executions import FAILED, SUCCEEDED, DeployedPipeline, Execution, Step
from smp.aws.start import Start
from smp.text.human import counted, duration, moment, table

RECENT = 5

Reason = Callable[[Step], str]
"""Returns why a step failed."""


def started_text(start: Start, aws_options: Sequence[str]) -> str:
    """Return what came of a start, and where to look next."""
    name, execution = start.pipeline.name, start.execution
    if start.is_new:
        head = f"{name}: started execution {execution.id}\n"
    else:
        head = (
            f"{name}: left alone: execution {execution.id} of the same definition "
            f"{_state(execution)}\n"
        )
    rows = [
        ("console", start.pipeline.console_url),
        ("status", _command("status", name, "--execution", execution.id, *aws_options)),
    ]
    if not start.is_new and execution.has_ended and execution.status != SUCCEEDED:
        rows.append(("again", _command("start", name, *aws_options)))
    return head + table(rows)


def _state(execution: Execution) -> str:
    began = f" since {moment(execution.started.timestamp())}" if execution.started else ""
    if execution.has_ended:
        began = began.replace(" since ", ", started ")
    return f"is there ({execution.status}{began})"


def ending_text(
    pipeline: DeployedPipeline,
    execution: Execution,
    steps: Sequence[Step],
    reason: Reason,
    aws_options: Sequence[str],
) -> str:
    """Return how an execution ended, what failed first."""
    blocks = [_failure(pipeline, execution, step, reason, aws_options) for step in _failed(steps)]
    took = ""
    if execution.started and execution.ended:
        took = f" in {duration((execution.ended - execution.started).total_seconds())}"
    states = [step.status for step in steps]
    counts = ", ".join(f"{states.count(s)} {s.lower()}" for s in dict.fromkeys(states))
    blocks.append(f"{pipeline.name}: {execution.status}{took} ({counts or 'no step began'})\n")
    if execution.status != SUCCEEDED:
        if execution.reason and not _failed(steps):
            blocks.append(f"  {execution.reason}\n")
        blocks.append(f"  console  {pipeline.console_url}\n")
    return "".join(blocks)


def status_fields(
    pipeline: DeployedPipeline,
    execution: Execution,
    steps: Sequence[Step],
    parameters: Mapping[str, str],
    recent: Sequence[Execution],
    reason: Reason,
) -> dict[str, Any]:
    """Return everything that `status_text` shows."""
    return {
        "pipeline": pipeline.name,
        "arn": pipeline.arn,
        "deployed": _iso(pipeline.changed),
        "console": pipeline.console_url,
        "execution": {
            **_execution_fields(execution),
            "parameters": dict(parameters),
            "steps": [_step_fields(step, reason) for step in steps],
            "step_count": pipeline.step_count,
        },
        "recent": [_execution_fields(item) for item in recent[:RECENT]],
    }


def status_text(
    pipeline: DeployedPipeline,
    execution: Execution,
    steps: Sequence[Step],
    parameters: Mapping[str, str],
    recent: Sequence[Execution],
    reason: Reason,
    aws_options: Sequence[str],
) -> str:
    """Return an execution as a person reads it."""
    blocks = [
        _head(pipeline, execution, steps, parameters),
        "".join(_failure(pipeline, execution, s, reason, aws_options) for s in _failed(steps)),
        _steps(steps),
        _recent(recent[:RECENT]),
    ]
    return "\n".join(block for block in blocks if block)


def _head(
    pipeline: DeployedPipeline,
    execution: Execution,
    steps: Sequence[Step],
    parameters: Mapping[str, str],
) -> str:
    reason = f": {execution.reason}" if execution.reason and not _failed(steps) else ""
    end = execution.ended or datetime.now(UTC)
    took = (end - execution.started).total_seconds() if execution.started else None
    return table(
        [
            ("pipeline", pipeline.name),
            ("deployed", _shown(pipeline.changed)),
            ("execution", execution.id),
            ("status", f"{execution.status}{reason}"),
            ("started", _shown(execution.started)),
            ("took", duration(took)),
            ("steps", f"{len(steps)} of {pipeline.step_count} began"),
            *([("description", execution.description)] if execution.description else []),
            *((f"parameter {name}", value) for name, value in parameters.items()),
            ("console", pipeline.console_url),
        ]
    )


def _steps(steps: Sequence[Step]) -> str:
    if not steps:
        return "  no step has begun\n"
    now = datetime.now(UTC)
    rows = [("step", "kind", "state", "took", "")]
    for step in steps:
        notes = [
            step.reused_from and f"result of execution {step.reused_from}",
            step.attempts > 1 and counted(step.attempts, "attempt"),
        ]
        note = "; ".join(text for text in notes if text)
        took = duration(step.seconds(now))
        rows.append((step.name, step.kind or "-", step.status, took, note))
    return table(rows, right=frozenset({3}))


def _recent(executions: Sequence[Execution]) -> str:
    rows = [("execution", "status", "started", "name")]
    for item in executions:
        rows.append((item.id, item.status, _shown(item.started), item.display_name or "-"))
    return table(rows)


def _failure(
    pipeline: DeployedPipeline,
    execution: Execution,
    step: Step,
    reason: Reason,
    aws_options: Sequence[str],
) -> str:
    first, *more = reason(step).splitlines()
    ids = (pipeline.name, step.name, "--execution", execution.id)
    log = _command("logs", *ids, "--deployed", *aws_options)
    lines = [f"{pipeline.name}: {step.name} failed: {first}", *(f"  {line}" for line in more)]
    return "".join(f"{line}\n" for line in lines) + table([("its log", log)])


def _failed(steps: Sequence[Step]) -> list[Step]:
    return [step for step in steps if step.status == FAILED]


def _execution_fields(execution: Execution) -> dict[str, Any]:
    return {
        "id": execution.id,
        "arn": execution.arn,
        "status": execution.status,
        "started": _iso(execution.started),
        "ended": _iso(execution.ended),
        "name": execution.display_name,
        "description": execution.description,
        "reason": execution.reason,
    }


def _step_fields(step: Step, reason: Reason) -> dict[str, Any]:
    return {
        "name": step.name,
        "kind": step.kind,
        "status": step.status,
        "started": _iso(step.started),
        "ended": _iso(step.ended),
        "seconds": step.seconds(),
        "attempts": step.attempts,
        "reused_from": step.reused_from,
        "reason": reason(step) if step.status == FAILED else None,
        "job": step.job_arn,
    }


def _command(*parts: str) -> str:
    return shlex.join(["smp", *parts])


def _shown(time: datetime | None) -> str:
    return moment(time.timestamp()) if time else "-"


def _iso(time: datetime | None) -> str | None:
    if time is None:
        return None
    return moment(time.timestamp()).removesuffix(" UTC").replace(" ", "T") + "Z"
