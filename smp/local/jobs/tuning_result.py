"""The answer of DescribeHyperParameterTuningJob for a tuning step that ran here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from smp.local.jobs.context import StepContext, StepFailure
from smp.local.jobs.trial_runs import TrialRun


def describe(
    context: StepContext,
    trials: Sequence[TrialRun],
    objective: Mapping[str, str],
    complete: str | None,
) -> dict[str, Any]:
    """Return the answer; raises StepFailure where no training job gave the objective."""
    ranked = sorted(trials, key=lambda trial: _rank(trial, objective["Type"] == "Maximize"))
    summaries = [_summary(context, trial, objective) for trial in ranked]
    best = next((item for item in summaries if item["ObjectiveStatus"] == "Succeeded"), None)
    if best is None:
        reasons = {trial.reason or _why_none(context, trial, objective) for trial in trials}
        raise StepFailure(
            f"none of {len(trials)} training jobs gave {objective['MetricName']}: "
            + "; ".join(sorted(reasons))
        )
    statuses = Counter(trial.status for trial in trials)
    objectives = Counter(item["ObjectiveStatus"] for item in summaries)
    detail = {"TuningJobCompletionDetails": {"Reason": complete}} if complete else {}
    return {
        **context.arguments,
        "HyperParameterTuningJobName": context.job_name,
        "HyperParameterTuningJobArn": context.arn("hyper-parameter-tuning-job"),
        "HyperParameterTuningJobStatus": "Completed",
        "TrainingJobStatusCounters": {
            "Completed": statuses["Completed"],
            "InProgress": 0,
            "RetryableError": 0,
            "NonRetryableError": statuses["Failed"],
            "Stopped": statuses["Stopped"],
        },
        "ObjectiveStatusCounters": {
            "Succeeded": objectives["Succeeded"],
            "Pending": 0,
            "Failed": objectives["Failed"],
        },
        "BestTrainingJob": best,
        "TrainingJobSummaries": summaries,
        **detail,
    }


def _why_none(context: StepContext, trial: TrialRun, objective: Mapping[str, str]) -> str:
    """Say why a training job that did not fail gave no objective."""
    if trial.status == "Stopped":
        return "it was stopped"
    algorithm = context.arguments["TrainingJobDefinition"]["AlgorithmSpecification"]
    found = {item["Name"]: item["Regex"] for item in algorithm.get("MetricDefinitions", [])}
    if objective["MetricName"] not in found:
        return "its log has no such metric"
    return f"nothing in its log fits the metric's Regex {found[objective['MetricName']]!r}"


def _rank(trial: TrialRun, maximize: bool) -> tuple[int, float]:
    """Order completed jobs by their objective, then stopped ones, then those without a value."""
    value = trial.value
    if trial.status == "Failed" or value is None:
        return (2, 0.0)
    return (int(trial.status != "Completed"), -value if maximize else value)


def _summary(context: StepContext, trial: TrialRun, objective: Mapping[str, str]) -> dict[str, Any]:
    definition = context.arguments["TrainingJobDefinition"].get("DefinitionName")
    value = trial.value
    has_value = value is not None and trial.status == "Completed"
    optional: dict[str, Any] = {}
    if definition:
        optional["TrainingJobDefinitionName"] = definition
    if trial.reason:
        optional["FailureReason"] = trial.reason
    if value is not None and trial.status != "Failed":
        optional["FinalHyperParameterTuningJobObjectiveMetric"] = {**objective, "Value": value}
    return {
        "TrainingJobName": trial.name,
        "TrainingJobArn": context.arn("training-job", trial.name),
        "TuningJobName": context.job_name,
        "CreationTime": trial.created,
        "TrainingStartTime": trial.created,
        "TrainingEndTime": trial.ended,
        "TrainingJobStatus": trial.status,
        "TunedHyperParameters": dict(trial.values),
        "ObjectiveStatus": "Succeeded" if has_value else "Failed",
        **optional,
    }
