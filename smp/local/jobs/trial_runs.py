"""The training jobs of a tuning step, and the records that let an interrupted step continue from them.

`steps/<step>/finished-trials/<job>.json` is written once a job has ended, whole or not at all,
after its artifact is in the store.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smp.local.jobs.context import StepContext
from smp.local.sandbox.process import Stop
from smp.text.atomic_file import write_atomically


@dataclass
class TrialRun:
    """One training job. `values` are the hyperparameters that the search proposed, as texts."""

    name: str
    number: int
    values: Mapping[str, str]
    stop: Stop
    objective: str
    created: float = field(default_factory=time.time)
    ended: float = 0.0
    status: str = "InProgress"
    reason: str | None = None
    stopped_early: bool = False
    metrics: list[Mapping[str, Any]] = field(default_factory=list)
    read: int = 0

    @property
    def value(self) -> float | None:
        """The objective's last value; None where the log had none, or training diverged to no number."""
        found = self.objective_values()
        return found[-1] if found and math.isfinite(found[-1]) else None

    def objective_values(self) -> list[float]:
        """Return the objective's values in the order of the log."""
        return [float(m["value"]) for m in self.metrics if m["name"] == self.objective]

    def new_values(self) -> list[float]:
        """Return the objective's values since the last call."""
        new = self.metrics[self.read :]
        self.read += len(new)
        return [float(m["value"]) for m in new if m["name"] == self.objective]


class TrialRecords:
    """The finished training jobs of one step of one run."""

    KEPT = ("name", "number", "values", "created", "ended", "status", "reason", "stopped_early")

    def __init__(self, context: StepContext) -> None:
        self.directory = context.log.parent / "finished-trials"
        stand_in = context.stand_in
        asked = [context.arguments, stand_in and [stand_in.script, stand_in.code.sha256]]
        self._asked = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        output = context.arguments["TrainingJobDefinition"]["OutputDataConfig"]["S3OutputPath"]
        self._output = str(output).rstrip("/")
        self._store = context.store

    def write(self, trial: TrialRun, tuning_job: str) -> None:
        """Keep a training job that has ended."""
        value = {name: getattr(trial, name) for name in self.KEPT}
        record = {"asked": self._asked, "tuning_job": tuning_job, **value, "metrics": trial.metrics}
        write_atomically(self.directory / f"{trial.name}.json", json.dumps(record) + "\n")

    def read(self, objective: str) -> tuple[str | None, list[TrialRun]]:
        """Return the name of the tuning job that was interrupted, and the jobs that it finished.

        Only those of the very same request count, and of a completed one the artifact must be there.
        """
        found = [value for value in self._values() if value.get("asked") == self._asked]
        if not found:
            return None, []
        name = max(found, key=lambda value: float(value["ended"]))["tuning_job"]
        trials = [
            TrialRun(
                **{key: value[key] for key in self.KEPT},
                stop=Stop(),
                objective=objective,
                metrics=value["metrics"],
            )
            for value in found
            if value["tuning_job"] == name and self._has_artifact(value)
        ]
        return name, sorted(trials, key=lambda trial: trial.number)

    def forget(self) -> None:
        """Let the next attempt begin with the first job again; the logs stay."""
        for file in self.directory.glob("*.json"):
            file.unlink()

    def _has_artifact(self, value: Mapping[str, Any]) -> bool:
        if value["status"] != "Completed":
            return True
        uri = f"{self._output}/{value['name']}/output/model.tar.gz"
        return self._store.path_of(uri).is_file()

    def _values(self) -> Iterator[dict[str, Any]]:
        for file in self.directory.glob("*.json"):
            value = _read(file)
            if value is not None:
                yield value


def _read(file: Path) -> dict[str, Any] | None:
    """Read a record; None for one that a power cut took."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
