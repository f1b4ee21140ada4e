"""Runs as text for a terminal and as values for a program: the list of runs, and one run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from smp.local.engine.prune import Pruned
from smp.local.show.commands import (
    STATES,
    log_command,
    parameter_text,
    recovery_commands,
    resume_command,
    shown_state,
)
from smp.local.show.results import all_metrics, outcome_summary, registered_version
from smp.local.store.places import Places
from smp.local.store.run_store import FAILED, SKIPPED, STOPPED, Run, RunRecord, StepRecord
from smp.local.store.step_data import StepData
from smp.text.human import clean_line, counted, duration, moment, number, size, table

DEVIATION = ".standard_deviation"


def runs_fields(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return each run's `id`, `pipeline`, `status` and what else fits in a line."""
    return [run_fields(run) for run in runs]


def run_fields(run: Run) -> dict[str, Any]:
    """Return what a run's own record says, and how many steps are in each state.

    A run that no process executes any more is Stopped, whatever its record says.
    """
    return _run_fields(run, run.standing())


def _run_fields(run: Run, record: RunRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "pipeline": record.pipeline,
        "status": record.status,
        "started": _iso(record.started),
        "ended": _iso(record.ended),
        "seconds": run_seconds(record),
        "steps": _count_states(run, record),
        "reason": record.reason,
    }


def run_seconds(record: RunRecord) -> float:
    """Return how long a run took, so far or in all."""
    return round((record.ended or time.time()) - record.started, 3)


def runs_table(runs: Sequence[Run]) -> str:
    """Return one line a run, in the order given."""
    if not runs:
        return "there are no runs yet; start one with: smp run PIPELINE\n"
    rows = [("run", "pipeline", "status", "started", "took", "steps")]
    for fields in runs_fields(runs):
        states = ", ".join(f"{count} {state.lower()}" for state, count in fields["steps"].items())
        started = fields["started"].replace("T", " ").removesuffix("Z")
        took = duration(fields["seconds"])
        rows.append((fields["id"], fields["pipeline"], fields["status"], started, took, states))
    return clean_table(rows, right=frozenset({4}))


def show_fields(run: Run, places: Places) -> dict[str, Any]:
    """Return everything that `show_run` says."""
    return _fields(run, run.standing(), places)


def _fields(run: Run, record: RunRecord, places: Places) -> dict[str, Any]:
    compiled = run.unrolled(places.code)
    steps = list(run.steps())
    data = StepData(compiled, places)
    versions = [(step.name, registered_version(step)) for step in steps]
    return {
        **_run_fields(run, record),
        "parameters": dict(record.parameters),
        "options": dict(record.options),
        "step_records": [_step_fields(run, record, name) for name in record.steps],
        "metrics": all_metrics(compiled, steps, data),
        "artifacts": [
            {
                "step": step.name,
                "name": item.name,
                "uri": item.uri,
                "path": str(item.path),
                "files": len(item.objects),
                "size": item.size,
            }
            for step in steps
            for item in data.outputs(step)
        ],
        "registered": [
            {"step": name, "group": v.group, "version": v.version, "approval": v.approval}
            for name, v in versions
            if v is not None
        ],
    }


def show_run(run: Run, places: Places) -> str:
    """Return one run as a person reads it, what failed first."""
    record = run.standing()
    fields = _fields(run, record, places)
    blocks = [
        _head(fields, record),
        "".join(_failures(run)),
        "".join(_lines(f"warning: {step.name}: {text}") + "\n" for step, text in run.warnings()),
        _steps(fields["step_records"]),
        _metrics(fields["metrics"]),
        _artifacts(fields["artifacts"]),
        _registered(fields["registered"]),
    ]
    return "\n".join(block for block in blocks if block)


def pruned_text(pruned: Pruned, dry_run: bool) -> str:
    """Return what was removed, or would be, as a person reads it."""
    said = "would remove" if dry_run else "removed"
    counts = f"{counted(len(pruned.runs), 'run')} and {counted(len(pruned.code), 'code tree')}"
    left = "".join(f"kept {run}: it is still running\n" for run in pruned.going_on)
    return f"{left}{said} {counts}, {size(pruned.bytes_freed)}\n"


def groups_table(groups: Sequence[dict[str, Any]]) -> str:
    """Return one line a model package group."""
    if not groups:
        return "no model is registered yet\n"
    rows = [("group", "newest version", "description")]
    for group in groups:
        newest = str(group["LatestVersion"] or "-")
        description = str(group.get("ModelPackageGroupDescription") or "-")
        rows.append((group["ModelPackageGroupName"], newest, description))
    return clean_table(rows)


def versions_table(versions: Sequence[dict[str, Any]]) -> str:
    """Return one line a version of a group."""
    rows = [("version", "status", "registered", "artifact")]
    for package in versions:
        container = package["InferenceSpecification"]["Containers"][0]
        rows.append(
            (
                str(package["ModelPackageVersion"]),
                package["ModelApprovalStatus"],
                moment(package["CreationTime"]),
                str(container.get("ModelDataUrl", "-")),
            )
        )
    return clean_table(rows)


def clean_table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Align rows in columns, see `table`; no cell has a line's end or a code that a terminal obeys."""
    return table([tuple(map(_one_line, row)) for row in rows], right=right)


def _one_line(text: str) -> str:
    return " ".join(map(clean_line, text.splitlines()))


def _lines(text: str) -> str:
    return "\n".join(map(clean_line, text.splitlines()))


def _head(fields: dict[str, Any], record: RunRecord) -> str:
    ways = [("continue with", resume_command(record))] if record.status == STOPPED else []
    rows = [
        ("run", fields["id"]),
        ("pipeline", fields["pipeline"]),
        ("status", fields["status"] + (f": {fields['reason']}" if fields["reason"] else "")),
        ("started", fields["started"]),
        ("took", duration(fields["seconds"])),
        *(
            (f"parameter {name}", parameter_text(value))
            for name, value in fields["parameters"].items()
        ),
        *ways,
    ]
    return clean_table(rows)


def _failures(run: Run) -> Iterator[str]:
    record = run.record()
    for step in run.steps():
        if step.status == FAILED:
            yield _lines(f"{step.name} failed: {step.reason or 'no reason is recorded'}") + "\n"
            path = run.log_path(step.name)
            log = [("its log", log_command(record, step.name)), ("the file", str(path))]
            ways = [*(log if path.exists() else []), *recovery_commands(record, step)]
            yield table([(title, _lines(way)) for title, way in ways])


def _steps(steps: Sequence[dict[str, Any]]) -> str:
    rows = [("step", "type", "state", "took", "")]
    for step in steps:
        notes = [
            step["outcome_summary"],
            step["item"] and f"item {step['item']}",
            step["status"] == SKIPPED and step["reason"],
            step["reused_from"] and f"from run {step['reused_from']}",
            step["stand_in"] and f"stand-in: {step['stand_in']}",
            step["attempts"] > 1 and counted(step["attempts"], "attempt"),
            step["why"] and f"ran: {step['why']}",
        ]
        note = "; ".join(text for text in notes if text)
        took = duration(step["seconds"])
        rows.append((step["name"], step["type"] or "-", step["state"], took, note))
    return clean_table(rows, right=frozenset({3}))


def _metrics(metrics: dict[str, dict[str, float]]) -> str:
    rows = [
        (step, name, number(value), _deviation(values.get(f"{name}{DEVIATION}")))
        for step, values in metrics.items()
        for name, value in values.items()
        if not name.endswith(DEVIATION)
    ]
    if not rows:
        return ""
    return clean_table([("step", "metric", "value", ""), *rows], right=frozenset({2}))


def _deviation(value: float | None) -> str:
    return "" if value is None else f"± {number(value)}"


def _artifacts(artifacts: Sequence[dict[str, Any]]) -> str:
    rows = [
        (item["step"], item["name"], size(item["size"]) if item["files"] else "gone", item["path"])
        for item in artifacts
    ]
    if not rows:
        return ""
    return clean_table([("step", "artifact", "size", "path"), *rows], right=frozenset({2}))


def _registered(versions: Sequence[dict[str, Any]]) -> str:
    return "".join(
        f"  registered {item['group']} version {item['version']}"
        + (f" ({item['approval']})\n" if item["approval"] else "\n")
        for item in versions
    )


def _step_fields(run: Run, record: RunRecord, name: str) -> dict[str, Any]:
    step = record.seen(run.step(name))
    found = step or StepRecord(name, "")
    return {
        "name": name,
        "type": found.type,
        "status": found.status if step else None,
        "state": shown_state(step),
        "seconds": None if found.seconds is None else round(found.seconds, 3),
        "attempts": found.attempts,
        "reason": found.reason,
        "outcome_summary": outcome_summary(found),
        "item": found.item,
        "reused_from": found.reused_from,
        "why": found.why,
        "warnings": list(found.warnings),
        "stand_in": found.stand_in,
        "log": str(run.log_path(name)),
    }


def _count_states(run: Run, record: RunRecord) -> dict[str, int]:
    shown = [shown_state(record.seen(run.step(name))) for name in record.steps]
    return {state: shown.count(state) for state in STATES if state in shown}


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return moment(seconds).removesuffix(" UTC").replace(" ", "T") + "Z"
