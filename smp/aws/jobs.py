"""The job behind a step of an execution: its name, and its reason for a failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.executions import FAILED, Step
from smp.definition.step_types import TUNING_JOB, ServiceCall, row_of_metadata


def job_name(sagemaker: Any, step: Step) -> str | None:
    """Return the name of a step's job as it was written, which its ARN may have in lower case."""
    call = job_call(step)
    if step.job_arn is None or call is None:
        return None
    described = _describe(sagemaker, step)
    return str(described.get(str(call.name_member)) or _name_in_arn(step.job_arn))


def job_call(step: Step) -> ServiceCall | None:
    """Return the call that started a step's job; None for a step that runs none."""
    row = row_of_metadata(step.kind)
    return row.call if row and row.call and row.call.is_job else None


def failure_reason(sagemaker: Any, step: Step) -> str:
    """Return why a step failed, with its job's reason unless the step contains it."""
    described = _describe(sagemaker, step)
    given = [step.reason, described.get("FailureReason"), described.get("ExitMessage")]
    given += _of_trials(sagemaker, step)
    reasons: list[str] = []
    for reason in given:
        text = " ".join(str(reason or "").split())
        if text and not any(text in earlier for earlier in reasons):
            reasons.append(text)
    return "\n".join(reasons) or "no reason is recorded"


def _describe(sagemaker: Any, step: Step) -> Mapping[str, Any]:
    """Return the service's description of a step's job; empty if it has none or access is denied."""
    call = job_call(step)
    if step.job_arn is None or call is None:
        return {}
    describe = getattr(sagemaker, xform_name(call.describe))
    try:
        described: Mapping[str, Any] = describe(
            **{str(call.name_member): _name_in_arn(step.job_arn)}
        )
    except (BotoCoreError, ClientError):
        return {}
    return described


def _of_trials(sagemaker: Any, step: Step) -> list[str]:
    """Return the reason of a training job of a failed tuning job: the tuning job only counts them."""
    if job_call(step) is not TUNING_JOB or step.job_arn is None:
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
