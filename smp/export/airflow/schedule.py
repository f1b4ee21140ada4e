"""The schedule of a DAG: what a trigger says in AWS's words, in Airflow's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.cron import DAYS
from smp.definition.triggers import Schedule
from smp.errors import Problem
from smp.export.refusal import refusal

TARGET = "airflow"
FIRST_DAY = "2025-01-01T00:00:00Z"
"""The day from which a rate without a start counts."""

_CRON = re.compile(r"cron\((.*)\)")
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_HIGHEST = (59, 23, 31, 12)


@dataclass(frozen=True)
class DagSchedule:
    """When a DAG runs by itself: `cron` with its time zone, or `every` so many units."""

    cron: str | None = None
    timezone: str = "UTC"
    every: tuple[str, int] | None = None
    """The unit as `timedelta` has it, and how many."""
    start: str | None = None
    end: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


def schedule_triggers(compiled: CompiledPipeline) -> list[Schedule]:
    """Return the schedules of a pipeline that start its DAG."""
    return [item for item in _started(compiled) if isinstance(item, Schedule)]


def _started(compiled: CompiledPipeline) -> Iterator[Any]:
    """Yield the triggers that are switched on and start the DAG."""
    for trigger in compiled.triggers:
        if trigger.enabled and trigger.target == TARGET:
            yield trigger


def schedule_problems(compiled: CompiledPipeline, target: str) -> Iterator[Problem]:
    """Yield why triggers cannot start a DAG."""
    for trigger in _started(compiled):
        if not isinstance(trigger, Schedule):
            construct = f"a start by {trigger.described()}: a DAG starts at certain times only"
            instead = "give the trigger another target, or start the DAG by Airflow's REST API"
            yield refusal(target, trigger.name, construct, instead)
        elif (match := _CRON.fullmatch(trigger.expression)) and _unknown(match[1]):
            construct = f"{trigger.expression}: {_unknown(match[1])}"
            yield refusal(target, trigger.name, construct, "write other times")
    schedules = schedule_triggers(compiled)
    for trigger in schedules[1:]:
        construct = f"a second schedule: a DAG has one, and '{schedules[0].name}' is it"
        yield refusal(target, trigger.name, construct, "give it another target, or switch one off")


def _unknown(cron: str) -> str | None:
    fields = cron.split()
    if fields[5] != "*":
        return "it knows no years"
    return "it knows no nearest working day" if fields[2].upper().endswith("W") else None


def read_schedule(trigger: Schedule) -> DagSchedule:
    """Return a trigger in Airflow's words."""
    limits = {"start": trigger.start, "end": trigger.end, "parameters": trigger.parameters}
    rate = _RATE.fullmatch(trigger.expression)
    if rate:
        return DagSchedule(every=(f"{rate[2]}s", int(rate[1])), **limits)  # type: ignore[arg-type]
    match = _CRON.fullmatch(trigger.expression)
    assert match is not None
    return DagSchedule(
        cron=unix_cron(match[1]),
        timezone=trigger.timezone or "UTC",
        **limits,  # type: ignore[arg-type]
    )


def unix_cron(text: str) -> str:
    """Return the five fields of cron for AWS's six, whose year is `*`."""
    minutes, hours, day, month, weekday, _ = text.split()
    numbers = [
        _steps(item, high)
        for item, high in zip((minutes, hours, day, month), _HIGHEST, strict=True)
    ]
    numbers[2] = "*" if numbers[2] == "?" else numbers[2].upper()
    return " ".join([*numbers, _weekdays(weekday)])


def _steps(text: str, highest: int) -> str:
    """Return a field whose `a/n` says where it ends."""
    return re.sub(r"(^|,)(\d+)/(\d+)", rf"\1\2-{highest}/\3", text)


def _weekdays(text: str) -> str:
    """Return the days of the week, which count from 0 in cron and from 1 for AWS."""
    if text in ("?", "*"):
        return "*"
    day, mark, number = text.partition("#")
    if mark:
        return f"{_day(day)}#{number}"
    if text.upper() == "L":
        return DAYS[-1]
    if text.upper().endswith("L"):
        return f"L{DAYS.index(_day(text[:-1]))}"
    return re.sub("[A-Za-z0-9]+", lambda match: _day(match[0]), text)


def _day(text: str) -> str:
    return DAYS[int(text) - 1] if text.isdigit() else text.upper()
