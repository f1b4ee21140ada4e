"""What every part of a report needs: the run, its steps in order, and how to link to files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import row_of
from smp.errors import RunError
from smp.local.show.commands import REUSED, WAITING, shown_state, workspace_command
from smp.local.show.results import EvaluationReport, evaluation_reports
from smp.local.store.places import Places
from smp.local.store.run_store import (
    FAILED,
    SKIPPED,
    STARTING,
    SUCCEEDED,
    Run,
    RunRecord,
    RunStore,
    StepRecord,
)
from smp.local.store.step_data import StepData
from smp.text.human import duration

NOT_IN_RUN = "Not in this run"


@dataclass(frozen=True)
class Facts:
    """One run as it stood at one moment. `beside` is the directory that the report will lie in."""

    run: Run
    record: RunRecord
    compiled: CompiledPipeline
    places: Places
    steps: Mapping[str, StepRecord | None]
    """Every step of the run in order; None for one that has not begun."""
    now: float
    beside: Path

    @cached_property
    def data(self) -> StepData:
        return StepData(self.compiled, self.places)

    @property
    def begun(self) -> list[StepRecord]:
        """The steps that have a record, in order."""
        return [step for step in self.steps.values() if step is not None]

    @property
    def failed(self) -> list[StepRecord]:
        return [step for step in self.begun if step.status == FAILED]

    @cached_property
    def reports(self) -> dict[str, list[EvaluationReport]]:
        """The evaluation reports by step, where there are any."""
        found = {
            step.name: evaluation_reports(self.compiled, step, self.data) for step in self.begun
        }
        return {name: reports for name, reports in found.items() if reports}

    @cached_property
    def types(self) -> dict[str, str]:
        """The type of every step of the definition."""
        return {step["Name"]: row_of(step).name for step in self.compiled.steps()}

    @cached_property
    def succeeded_before(self) -> str | None:
        """The newest run of the same pipeline that began before this one and succeeded, if any.

        One whose record cannot be read is passed over: a report needs no other run.
        """
        for run in RunStore(self.places.runs).all():
            if run.id < self.record.id:
                with suppress(RunError):
                    record = run.record()
                    if (record.pipeline, record.status) == (self.record.pipeline, SUCCEEDED):
                        return run.id
        return None

    def command(self, *words: str) -> str:
        """Write an smp command, with the option by which it finds the workspace of the run."""
        return workspace_command(self.record, *words)

    def state(self, step: str) -> str:
        """Return the word for a step's state."""
        return shown_state(self.steps[step]) if step in self.steps else NOT_IN_RUN

    def anchor(self, step: str) -> str:
        """Return the id of a step's place in the report."""
        return f"step-{list(self.steps).index(step) + 1}"

    def href(self, path: Path) -> str:
        """Return a link to a file, relative to the report: both can move together."""
        relative = os.path.relpath(path.absolute(), self.beside.absolute())
        return quote(Path(relative).as_posix())

    def seconds(self, step: StepRecord | None) -> float | None:
        """Return how long a step took, up to the report's moment at most."""
        if step is None or step.started is None:
            return None
        return (step.ended or self.now) - step.started

    def took(self, step: StepRecord | None) -> str:
        """Write how long a step took; empty for one that did no work of its own."""
        idle = shown_state(step) in (REUSED, SKIPPED, STARTING, WAITING)
        return "" if idle else duration(self.seconds(step))
