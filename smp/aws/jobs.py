"""The job behind a step of an execution: its name, and what it says about a failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.executions import FAILED, Step

TUNING = "TuningJob"
CHECKS = ("QualityCheck", "ClarifyCheck")

_DESCRIBED_BY: Mapping[str, tuple[str, str]] = {
    "TrainingJob": ("describe_training_job", "TrainingJobName"),
    "ProcessingJob": ("describe_processing_job", "ProcessingJobName"),
    "TransformJob": ("describe_transform_job", "TransformJobName"),
    TUNING: ("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    **dict.fromkeys(CHECKS, ("describe_processing_job", "ProcessingJobName")),
}


def job_name(sagemaker: Any, step: Step) -> str | None:
    """Return the name of a step's job as it was written, which its ARN may have in lower case."""
    described = _describe(sagemaker, step)
    if step.job_arn is None or step.kind is None or step.kind not in _DESCRIBED_BY:
        return None
    return str(described.get(_DESCRIBED_BY[step.kind][1]) or _name_in_arn(step.job_arn))


def failure_reason(sagemaker: Any, step: Step) -> str:
    """Return why a step failed, with what its job says where the step does not say it already."""
    described = _describe(sagemaker, step)
    reasons = [step.reason, described.get("FailureReason"), described.get("ExitMessage")]
    reasons += _of_trials(sagemaker, step)
    said: list[str] = []
    for reason in reasons:
        text = " ".join(str(reason or "").split())
        if text and not any(text in earlier for earlier in said):
            said.append(text)
    return "\n".join(said) or "no reason is recorded"


def _describe(sagemaker: Any, step: Step) -> Mapping[str, Any]:
    """Return what the service says about a step's job; nothing where it has none or may not be asked."""
    if step.job_arn is None or step.kind is None or step.kind not in _DESCRIBED_BY:
        return {}
    method, parameter = _DESCRIBED_BY[step.kind]
    try:
        described: Mapping[str, Any] = getattr(sagemaker, method)(
            **{parameter: _name_in_arn(step.job_arn)}
        )
    except (BotoCoreError, ClientError):
        return {}
    return described


def _of_trials(sagemaker: Any, step: Step) -> list[str]:
    """Return what a training job of a failed tuning job says: the tuning job only counts them."""
    if step.kind != TUNING or step.job_arn is None:
        return []
    try:
        listed = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=_name_in_arn(step.job_arn),
            StatusEquals=FAILED,
            MaxResults=1,
        )
    except (BotoCoreError, ClientError):
        return []
    return [
        f"{job['TrainingJobName']}: {job.get('FailureReason', '')}"
        for job in listed["TrainingJobSummaries"]
    ]


def _name_in_arn(arn: str) -> str:
    return arn.rpartition("/")[2]
