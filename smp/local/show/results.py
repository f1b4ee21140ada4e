"""What a step came to: its metrics, evaluation reports, tuning trials and registered version."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from smp.definition.compiled import CompiledPipeline
from smp.local.store.reports import read_report
from smp.local.store.run_store import SUCCEEDED, StepRecord
from smp.local.store.step_data import StepData
from smp.text.human import counted

MAX_REPORT_BYTES = 2_000_000


@dataclass(frozen=True)
class EvaluationReport:
    """A property file that a step wrote. `problem` says why there is no content."""

    name: str
    uri: str
    path: Path
    content: Any = None
    problem: str | None = None


@dataclass(frozen=True)
class Trial:
    """One training job of a tuning step."""

    name: str
    status: str
    parameters: Mapping[str, str]
    objective: str | None
    value: float | None
    is_best: bool
    created: float


@dataclass(frozen=True)
class RegisteredVersion:
    """What a RegisterModel step made."""

    arn: str
    group: str
    version: str
    approval: str | None


def hyperparameters(step: StepRecord) -> dict[str, Any]:
    """Return what the algorithm was told; in a search, what its best trial was told."""
    fixed = step.arguments.get("TrainingJobDefinition", {}).get("StaticHyperParameters", {})
    chosen = step.result.get("BestTrainingJob", {}).get("TunedHyperParameters", {})
    return {**step.arguments.get("HyperParameters", {}), **fixed, **chosen}


def final_metrics(step: StepRecord) -> dict[str, float]:
    """Return the last value of each metric, as the service would, or as it is so far.

    That of a search is the objective of its best trial.
    """
    final = step.result.get("FinalMetricDataList")
    if final:
        return {item["MetricName"]: item["Value"] for item in final}
    best = step.result.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
    if best:
        return {best["MetricName"]: best["Value"]}
    return {item["name"]: item["value"] for item in step.metrics}


def curves(step: StepRecord) -> dict[str, list[float]]:
    """Return the values of each scraped metric in the order of the log."""
    found: dict[str, list[float]] = {}
    for item in step.metrics:
        found.setdefault(str(item["name"]), []).append(float(item["value"]))
    return found


def evaluation_reports(
    compiled: CompiledPipeline, step: StepRecord, data: StepData
) -> list[EvaluationReport]:
    """Read every property file of a step that succeeded."""
    definition = next((item for item in compiled.steps() if item["Name"] == step.name), {})
    outputs = {item.name: item for item in data.outputs(step)}
    return [
        _read_report(
            file["PropertyFileName"],
            f"{outputs[file['OutputName']].uri.rstrip('/')}/{file['FilePath']}",
            data,
        )
        for file in definition.get("PropertyFiles", [])
        if file["OutputName"] in outputs
    ]


def _read_report(name: str, uri: str, data: StepData) -> EvaluationReport:
    stored = data.find(name, uri)
    if not stored.objects:
        return EvaluationReport(name, uri, stored.path, problem="is not there")
    if stored.size > MAX_REPORT_BYTES:
        return EvaluationReport(name, uri, stored.path, problem="is too large to show")
    try:
        content = read_report(stored.path)
    except ValueError as error:
        return EvaluationReport(name, uri, stored.path, problem=str(error))
    return EvaluationReport(name, uri, stored.path, content)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Return whether a value of a report is a number that a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isinstance(value, float) or abs(value) <= sys.float_info.max


def flat_values(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Yield every number of a report with its dotted path; `value` and a lone top group are left out.

    A whole number that no float holds is left out too.
    `{"regression_metrics": {"mse": {"value": 2.0}}}` gives `("mse", 2.0)`.
    """
    if is_number(content):
        names = path[:-1] if len(path) > 1 and path[-1] == "value" else path
        yield ".".join(names), float(content)
    elif isinstance(content, Mapping):
        lone = not path and len(content) == 1
        for key, item in content.items():
            inside = lone and isinstance(item, Mapping)
            yield from _unnamed(item) if inside else flat_values(item, (*path, str(key)))


def _unnamed(group: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, item in group.items():
        yield from flat_values(item, (str(key),))


def all_metrics(
    compiled: CompiledPipeline, steps: Sequence[StepRecord], data: StepData
) -> dict[str, dict[str, float]]:
    """Return by step the final metrics and every number of the evaluation reports."""
    found = {}
    for step in steps:
        values = dict(final_metrics(step))
        for report in evaluation_reports(compiled, step, data):
            values.update(flat_values(report.content))
        if values:
            found[step.name] = values
    return found


def trials(step: StepRecord) -> list[Trial]:
    """Return a tuning step's training jobs: `TrainingJobSummaries`, as ListTrainingJobs… has them."""
    best = step.result.get("BestTrainingJob", {})
    listed = step.result.get("TrainingJobSummaries") or ([best] if best else [])
    return [_trial(item, best.get("TrainingJobName")) for item in listed]


def _trial(summary: Mapping[str, Any], best: str | None) -> Trial:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric") or {}
    return Trial(
        name=summary["TrainingJobName"],
        status=summary.get("TrainingJobStatus", ""),
        parameters=summary.get("TunedHyperParameters", {}),
        objective=metric.get("MetricName"),
        value=metric.get("Value"),
        is_best=summary["TrainingJobName"] == best,
        created=summary.get("CreationTime", 0.0),
    )


def outcome_summary(step: StepRecord) -> str:
    """Say what a step decided or chose, where it is of a type that does; else nothing."""
    if step.status != SUCCEEDED:
        return ""
    if "Outcome" in step.result and step.type == "Condition":
        return "the condition holds" if step.result["Outcome"] else "the condition does not hold"
    if step.type == "ForEach":
        chosen = step.result.get("Selector", {})
        picked = f", {chosen['StepName']}-{chosen['Index']} was selected" if chosen else ""
        return f"{counted(step.result['InputItemCount'], 'iteration')}{picked}"
    if step.type == "Tuning":
        return f"best of {counted(len(trials(step)), 'trial')}"
    return ""


def registered_version(step: StepRecord) -> RegisteredVersion | None:
    """Return what a RegisterModel step made, None for any other step."""
    arn = step.result.get("ModelPackageArn")
    if step.type != "RegisterModel" or not isinstance(arn, str):
        return None
    group, _, version = arn.rpartition(":")[2].partition("/")[2].rpartition("/")
    return RegisteredVersion(
        arn=arn,
        group=str(step.result.get("ModelPackageGroupName") or group or version),
        version=str(step.result.get("ModelPackageVersion") or version),
        approval=step.result.get("ModelApprovalStatus"),
    )
