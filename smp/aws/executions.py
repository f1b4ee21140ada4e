"""Deployed pipelines and their executions as values: described, listed, started, stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from smp.aws.service_errors import explained, is_denied, is_missing, service_error
from smp.definition.compiled import Json, nested_steps
from smp.definition.console import console_page
from smp.definition.step_types import FAIL, FOR_EACH
from smp.errors import Problem, RunError, near_names

EXECUTING, STOPPING = "Executing", "Stopping"
SUCCEEDED, STOPPED, FAILED = "Succeeded", "Stopped", "Failed"
COMPLETED_WITH_FAILURES = "CompletedWithFailures"
ENDED = frozenset({SUCCEEDED, STOPPED, FAILED, COMPLETED_WITH_FAILURES})
"""States that an execution or a step does not leave."""


@dataclass(frozen=True)
class DeployedPipeline:
    """What DescribePipeline returns."""

    name: str
    arn: str
    definition: Json
    changed: datetime | None = None

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]

    @property
    def step_count(self) -> int:
        """How many steps an execution has at most; those of a loop once for each item that is known."""
        steps = list(nested_steps(self.definition.get("Steps", [])))
        return len(steps) + sum(_further_iterations(step) for step in steps)

    @property
    def console_url(self) -> str:
        """Its page in the region's console."""
        page = f"sagemaker/home?region={self.region}#/pipelines/{self.name}"
        return console_page(self.arn.split(":")[1], self.region, page)


@dataclass(frozen=True)
class Execution:
    """One execution of a pipeline."""

    arn: str
    pipeline: str
    status: str
    started: datetime | None = None
    ended: datetime | None = None
    display_name: str | None = None
    description: str | None = None
    reason: str | None = None

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def has_ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class Step:
    """One step of an execution that has begun. Its `kind` and `job_arn` identify its job."""

    name: str
    status: str
    kind: str | None = None
    job_arn: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None
    attempts: int = 0
    reused_from: str | None = None
    """The execution whose result the step took."""

    def seconds(self, now: datetime | None = None) -> float | None:
        """How long it took, or has taken by now."""
        end = self.ended or now
        return (end - self.started).total_seconds() if end and self.started else None


def describe_pipeline(sagemaker: Any, name: str) -> DeployedPipeline:
    """Return a deployed pipeline; raises RunError with near names where there is none."""
    try:
        described = sagemaker.describe_pipeline(PipelineName=name)
    except ClientError as error:
        if is_missing(error):
            raise RunError([_no_such_pipeline(sagemaker, name)]) from error
        raise service_error(error, f"read pipeline {name}") from error
    except BotoCoreError as error:
        raise service_error(error, f"read pipeline {name}") from error
    try:
        definition = json.loads(described["PipelineDefinition"])
    except ValueError as error:
        raise RunError(f"the deployed definition of {name} is not JSON: {error}") from error
    changed = described.get("LastModifiedTime")
    return DeployedPipeline(
        described["PipelineName"], described["PipelineArn"], definition, changed
    )


def _no_such_pipeline(sagemaker: Any, name: str) -> Problem:
    region = sagemaker.meta.region_name
    reason = f"no pipeline '{name}' is deployed in {region}"
    try:
        pages = sagemaker.get_paginator("list_pipelines").paginate()
        names = [item["PipelineName"] for page in pages for item in page["PipelineSummaries"]]
    except (BotoCoreError, ClientError):
        return Problem(reason, hint="check the name, --region and --profile")
    hint = near_names(name, names) or "check --region and --profile, or deploy it: cdk deploy"
    return Problem(reason, allowed=", ".join(sorted(names)[:20]) or "there is none", hint=hint)


def list_executions(sagemaker: Any, pipeline: DeployedPipeline) -> Iterator[Execution]:
    """Yield the executions of a pipeline, the newest first."""
    with explained(f"list the executions of {pipeline.name}"):
        pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
            PipelineName=pipeline.name, SortBy="CreationTime", SortOrder="Descending"
        )
        found = [item for page in pages for item in page["PipelineExecutionSummaries"]]
    for item in sorted(found, key=lambda item: item["StartTime"], reverse=True):
        yield Execution(
            arn=item["PipelineExecutionArn"],
            pipeline=pipeline.name,
            status=item["PipelineExecutionStatus"],
            started=item["StartTime"],
            display_name=item.get("PipelineExecutionDisplayName"),
            description=item.get("PipelineExecutionDescription"),
            reason=_text(item.get("PipelineExecutionFailureReason")),
        )


def find_execution(sagemaker: Any, pipeline: DeployedPipeline, given: str | None) -> Execution:
    """Return an execution by its id, the beginning of one or its ARN; the newest by default."""
    executions = list(list_executions(sagemaker, pipeline))
    if given is None or given == "last":
        if executions:
            return executions[0]
        hint = f"start one: smp start {pipeline.name}"
        raise RunError([Problem(f"{pipeline.name} has no execution yet", hint=hint)])
    wanted = given.rpartition("/")[2]
    matches = [e for e in executions if e.id == wanted] or [
        e for e in executions if wanted and e.id.startswith(wanted)
    ]
    if len(matches) == 1:
        return matches[0]
    known = [execution.id for execution in executions]
    reason = "is the beginning of several" if matches else "is not an execution"
    problem = Problem(
        f"'{given}' {reason} of {pipeline.name}",
        allowed=", ".join(known[:10]) or "there is none yet",
        hint=near_names(wanted, known),
    )
    raise RunError([problem])


def describe_execution(sagemaker: Any, execution: Execution) -> Execution:
    """Return an execution as it is now."""
    with explained(f"read execution {execution.id} of {execution.pipeline}"):
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution.arn)
    status = described["PipelineExecutionStatus"]
    return Execution(
        arn=execution.arn,
        pipeline=execution.pipeline,
        status=status,
        started=described.get("CreationTime"),
        ended=described.get("LastModifiedTime") if status in ENDED else None,
        display_name=described.get("PipelineExecutionDisplayName"),
        description=described.get("PipelineExecutionDescription"),
        reason=_text(described.get("FailureReason")),
    )


def list_steps(sagemaker: Any, execution: Execution) -> tuple[Step, ...]:
    """Return the steps of an execution that have begun, in that order."""
    with explained(f"list the steps of execution {execution.id}"):
        pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(
            PipelineExecutionArn=execution.arn, SortOrder="Ascending"
        )
        return tuple(_step(item) for page in pages for item in page["PipelineExecutionSteps"])


def list_parameters(sagemaker: Any, execution: Execution) -> dict[str, str]:
    """Return the parameters that an execution was given; none where that may not be read."""
    try:
        pages = sagemaker.get_paginator("list_pipeline_parameters_for_execution").paginate(
            PipelineExecutionArn=execution.arn
        )
        found = [item for page in pages for item in page["PipelineParameters"] or []]
    except ClientError as error:
        if is_denied(error):
            return {}
        raise service_error(error, f"read the parameters of execution {execution.id}") from error
    return {item["Name"]: item["Value"] for item in found}


def start_execution(sagemaker: Any, pipeline: DeployedPipeline, **request: Any) -> Execution:
    """Start an execution. Raises what boto3 raises."""
    answer = sagemaker.start_pipeline_execution(PipelineName=pipeline.name, **request)
    return Execution(answer["PipelineExecutionArn"], pipeline.name, EXECUTING)


def stop_execution(sagemaker: Any, execution: Execution) -> None:
    """Ask an execution to stop; its jobs take a while to end."""
    with explained(f"stop execution {execution.id} of {execution.pipeline}"):
        sagemaker.stop_pipeline_execution(PipelineExecutionArn=execution.arn)


def _further_iterations(step: Json) -> int:
    """Return how many steps a loop adds to those in the definition; none where only an execution knows."""
    arguments = step.get("Arguments", {})
    items = arguments.get("IterableItems")
    if step.get("Type") != FOR_EACH.name or not isinstance(items, list):
        return 0
    return (len(items) - 1) * len(arguments.get("ForEachBody", []))


def _name(item: Mapping[str, Any]) -> str:
    """Return a step's name, in a loop that of its iteration, `<step>-<index>`."""
    name, index = str(item["StepName"]), (item.get("IterationContext") or {}).get("Index")
    return name if index is None or name.endswith(f"-{index}") else f"{name}-{index}"


def _step(item: Mapping[str, Any]) -> Step:
    metadata = item.get("Metadata") or {}
    kind = next((kind for kind, value in metadata.items() if value is not None), None)
    details = metadata.get(kind) or {}
    reused = (item.get("CacheHitResult") or {}).get("SourcePipelineExecutionArn")
    message = details.get("ErrorMessage") if kind == FAIL.metadata else None
    reason = _text(item.get("FailureReason")) or message
    return Step(
        name=_name(item),
        status=item["StepStatus"],
        kind=kind,
        job_arn=details.get("Arn") or details.get("CheckJobArn"),
        started=item.get("StartTime"),
        ended=item.get("EndTime"),
        reason=reason or None,
        attempts=int(item.get("AttemptCount") or 0),
        reused_from=reused.rpartition("/")[2] if reused else None,
    )


def _text(value: Any) -> str | None:
    """Return a text in one line; an empty one is none."""
    text = " ".join(str(value or "").split())
    return None if text in ("", "None") else text
