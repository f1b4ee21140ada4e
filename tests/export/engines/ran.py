"""What came of a pipeline on an engine, in words that all engines share, and the story that it was told.

It never runs anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import CALLS
from smp.export.workflow import read_workflow

Json = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What happens to a pipeline, the same on every engine."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Those that the start gives, in their types."""
    reports: Mapping[str, Json] = field(default_factory=dict)
    """What each processing step writes into its report, see `definitions.processing`."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """The last `auc` of each training step; None if its log never matched."""
    outputs: Mapping[str, Json] = field(default_factory=dict)
    """What the function of a step answers."""
    failing: frozenset[str] = frozenset()
    """Steps whose jobs fail."""
    places: Mapping[str, str] = field(default_factory=dict)
    """The key of a step's report where it is another, with `{execution}` for the execution's id."""

    def final_metrics(self, step: str) -> list[Json]:
        """Return what the service describes of a training step's metrics."""
        value = self.metrics.get(step, 0.0)
        return [] if value is None else [{"MetricName": "auc", "Value": value}]

    def place(self, step: str, execution: str) -> str:
        """Return the key of a step's report."""
        key = self.places.get(step, f"out/{{execution}}/{step}/report.json")
        return key.replace("{execution}", execution)


@dataclass(frozen=True)
class Ran:
    """What an engine did."""

    succeeded: bool
    requests: Mapping[str, Json]
    """The request of each step that called the service, without what only names an attempt."""
    outcomes: Mapping[str, bool]
    """What the conditions that were asked came to."""
    spans: Mapping[str, tuple[int, int]]
    """When each step that called the service began and ended, in ticks."""


def without_names(
    requests: Mapping[str, Json], names: Mapping[str, str], execution: str
) -> dict[str, Json]:
    """Return requests with `<step>` for the name of a step's job and `<execution>` for the execution's.

    `names` maps steps to the names of what they created.
    """
    members = {call.name_member for call in CALLS if call.name_member}
    neutral = {}
    for step, request in requests.items():
        own = names.get(step)
        kept = {k: v for k, v in request.items() if not (k in members and v == own)}
        text = json.dumps(kept, sort_keys=True)
        for other, name in names.items():
            text = text.replace(json.dumps(name)[1:-1], f"<{other}>")
        neutral[step] = json.loads(text.replace(execution, "<execution>"))
    return neutral


def order_faults(compiled: CompiledPipeline, ran: Ran) -> list[str]:
    """Return which steps began before something that they wait for had ended."""
    above: dict[str, set[str]] = {}
    faults = []
    for task, direct in read_workflow(compiled).waits_for().items():
        above[task] = set(direct).union(*(above[name] for name in direct))
        faults += [f"{task} before {name}" for name in _early(task, above[task], ran)]
    return faults


def _early(task: str, above: Iterable[str], ran: Ran) -> list[str]:
    spans = ran.spans
    if task not in spans:
        return []
    return [name for name in above if name in spans and spans[name][1] > spans[task][0]]
