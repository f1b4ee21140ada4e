"""What MLflow gets of a run: one MLflow run, and one below it for each training step and trial.

It never imports MLflow and never contacts a tracking server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smp.definition.compiled import CodeTree, CompiledPipeline
from smp.local.show.results import all_metrics, evaluation_reports, registered_version, trials
from smp.local.store.places import Places
from smp.local.store.run_store import (
    EXECUTING,
    FAILED,
    STARTING,
    STOPPED,
    SUCCEEDED,
    Run,
    RunRecord,
    StepRecord,
)
from smp.local.store.step_data import StepData

MAX_NAME, MAX_PARAMETER, MAX_TAG = 250, 6000, 5000
"""Characters of a name, a parameter's and a tag's value that every MLflow 2 and 3 server takes."""

STATUSES = {STARTING: "RUNNING", EXECUTING: "RUNNING", SUCCEEDED: "FINISHED", STOPPED: "KILLED"}
TRIAL_STATUSES = {"Completed": "FINISHED", "Stopped": "KILLED", "InProgress": "RUNNING"}
TRAINING_TYPES = ("Training", "Tuning")


@dataclass(frozen=True)
class Point:
    """One value of a metric. `index` counts the values of its name from 0."""

    name: str
    value: float
    milliseconds: int
    index: int


@dataclass(frozen=True)
class Logged:
    """One MLflow run."""

    key: str
    """What it is known by within the pipeline's run: "" for the run, `STEP`, `STEP/TRIAL`."""
    name: str
    status: str
    started: float
    ended: float | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    artifacts: tuple[tuple[Path, str], ...] = ()
    """Files, each with the directory that it gets among the artifacts."""
    children: tuple[Logged, ...] = ()


def logged_run(run: Run, compiled: CompiledPipeline, places: Places) -> Logged:
    """Read a run's records as what MLflow is to be told."""
    record, steps, data = run.record(), list(run.steps()), StepData(compiled, places)
    return Logged(
        key="",
        name=record.id,
        status=STATUSES.get(record.status, "FAILED"),
        started=record.started,
        ended=record.ended,
        parameters=_parameters(record.parameters),
        tags=_run_tags(record, steps, compiled.code),
        points=tuple(_final_points(compiled, steps, data)),
        artifacts=tuple(_reports(compiled, steps, data)),
        children=tuple(
            _training(step, data)
            for step in steps
            if step.type in TRAINING_TYPES and step.started is not None
        ),
    )


def mlflow_name(text: str) -> str:
    """Return the nearest name that MLflow takes for a metric, parameter or tag."""
    parts = re.sub(r"[^\w\-. :/]", "_", text, flags=re.ASCII).split("/")
    return "/".join(part for part in parts if part.strip(". "))[:MAX_NAME] or "_"


def _parameters(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        mlflow_name(name): (value if isinstance(value, str) else json.dumps(value))[:MAX_PARAMETER]
        for name, value in values.items()
    }


def _tags(pairs: Iterable[tuple[str, object]]) -> dict[str, str]:
    """Return the tags that have a value; values of one name are joined."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if value is not None:
            found.setdefault(mlflow_name(f"smp.{name}"), []).append(str(value))
    return {name: ", ".join(dict.fromkeys(values))[:MAX_TAG] for name, values in found.items()}


def _run_tags(
    record: RunRecord, steps: Iterable[StepRecord], code: Iterable[CodeTree]
) -> dict[str, str]:
    versions = [version for step in steps if (version := registered_version(step))]
    return _tags(
        [
            ("pipeline", record.pipeline),
            ("run", record.id),
            ("status", record.status),
            ("reason", record.reason),
            ("sandbox", record.options.get("sandbox")),
            *((f"code.{tree.origin}", tree.sha256) for tree in code),
            *((f"reused_from.{step.name}", step.reused_from) for step in steps),
            *((f"failed.{step.name}", step.reason) for step in steps if step.status == FAILED),
            *((f"registered.{version.group}", version.version) for version in versions),
        ]
    )


def _final_points(
    compiled: CompiledPipeline, steps: list[StepRecord], data: StepData
) -> Iterator[Point]:
    """Yield the final metrics and the evaluation reports' numbers of every step as `STEP/METRIC`."""
    ended = {step.name: _milliseconds(step.ended or step.started) for step in steps}
    for step, values in all_metrics(compiled, steps, data).items():
        for name, value in values.items():
            yield Point(mlflow_name(f"{step}/{name}"), float(value), ended[step], 0)


def _reports(
    compiled: CompiledPipeline, steps: Iterable[StepRecord], data: StepData
) -> Iterator[tuple[Path, str]]:
    for step in steps:
        for report in evaluation_reports(compiled, step, data):
            if report.path.is_file():
                yield report.path, f"evaluation/{step.name}"


def _training(step: StepRecord, data: StepData) -> Logged:
    definition = step.arguments.get("TrainingJobDefinition", {})
    hyperparameters = step.arguments.get("HyperParameters") or definition.get(
        "StaticHyperParameters", {}
    )
    outputs = [item for item in data.outputs(step) if item.name == "model"]
    return Logged(
        key=step.name,
        name=step.name,
        status=STATUSES.get(step.status, "FAILED"),
        started=step.started or 0.0,
        ended=step.ended,
        parameters=_parameters(hyperparameters),
        tags=_step_tags(step, [tree.sha256 for tree in data.code(step)]),
        points=tuple(_curve_points(step)),
        artifacts=tuple((item.path, "model") for item in outputs if item.path.is_file()),
        children=tuple(_trials(step, data)),
    )


def _step_tags(step: StepRecord, code: Iterable[str]) -> dict[str, str]:
    return _tags(
        [
            ("step", step.name),
            ("status", step.status),
            ("reason", step.reason),
            ("sandbox", step.sandbox),
            ("reused_from", step.reused_from),
            ("stand_in", step.stand_in),
            ("model", step.result.get("ModelArtifacts", {}).get("S3ModelArtifacts")),
            *(("code", sha256) for sha256 in code),
        ]
    )


def _curve_points(step: StepRecord) -> Iterator[Point]:
    counts: dict[str, int] = {}
    for item in step.metrics:
        name = mlflow_name(str(item["name"]))
        index = counts.get(name, 0)
        counts[name] = index + 1
        yield Point(name, float(item["value"]), _milliseconds(float(item["time"])), index)


def _trials(step: StepRecord, data: StepData) -> Iterator[Logged]:
    """Yield what a tuning step's training jobs came to; their summaries have no curves.

    Only the best job's model is among them: the others are in the local bucket.
    """
    output = step.arguments.get("TrainingJobDefinition", {}).get("OutputDataConfig", {})
    listed = step.result.get("TrainingJobSummaries") or []
    times = {item["TrainingJobName"]: item for item in listed}
    for trial in trials(step):
        summary = times.get(trial.name, {})
        started = _seconds(summary.get("TrainingStartTime"), step.started)
        ended = _seconds(summary.get("TrainingEndTime"), step.ended)
        measured = trial.objective is not None and trial.value is not None
        points = (
            Point(
                mlflow_name(str(trial.objective)), float(trial.value or 0), _milliseconds(ended), 0
            ),
        )
        base = output.get("S3OutputPath", "").rstrip("/")
        uri = f"{base}/{trial.name}/output/model.tar.gz"
        model = data.find("model", uri).path if trial.is_best else None
        yield Logged(
            key=f"{step.name}/{trial.name}",
            name=trial.name,
            status=TRIAL_STATUSES.get(trial.status, "FAILED"),
            started=started or 0.0,
            ended=ended,
            parameters=_parameters(trial.parameters),
            tags=_tags(
                [("step", step.name), ("status", trial.status), ("best", trial.is_best or None)]
            ),
            points=points if measured else (),
            artifacts=((model, "model"),) if model is not None and model.is_file() else (),
        )


def _seconds(found: object, otherwise: float | None) -> float | None:
    return float(found) if isinstance(found, int | float) else otherwise


def _milliseconds(seconds: float | None) -> int:
    return round((seconds or 0.0) * 1000)
