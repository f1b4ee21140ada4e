"""The retry policies of a definition's steps."""

from __future__ import annotations

from collections.abc import Iterator

from smp.config.sections.retry import RetryCause, RetrySection
from smp.config.steps.any_step import StepConfig
from smp.config.steps.emr_serverless import EMRServerlessStep
from smp.config.steps.notebook_job import NotebookJobStep
from smp.definition.compiled import Json, nested_steps
from smp.graph.nodes import PipelineGraph

DEFAULT_ATTEMPTS = 3
STEP_SECONDS, JOB_SECONDS = 5, 60

STEP_CAUSES: dict[RetryCause, str] = {
    "service_fault": "Step.SERVICE_FAULT",
    "throttling": "Step.THROTTLING",
}
JOB_CAUSES: dict[RetryCause, str] = {
    "internal_error": "SageMaker.JOB_INTERNAL_ERROR",
    "capacity": "SageMaker.CAPACITY_ERROR",
    "resource_limit": "SageMaker.RESOURCE_LIMIT",
}
"""Exception types by cause. Source: "Retry policy for pipeline steps" in the developer guide."""

JOB_TYPES = frozenset({"Processing", "Training", "Transform", "Tuning"})
"""Step types that start a job, whose own faults may be retried."""
RETRYABLE_TYPES = JOB_TYPES | {"Model", "RegisterModel", "EMRServerless"}


def add_retry_policies(graph: PipelineGraph, definition: Json) -> None:
    """Give each step the policies that it, or its pipeline, asks for."""
    rules = {name: _rules(graph, node.config) for node in graph.steps for name in node.emitted}
    for step in nested_steps(definition["Steps"]):
        section = rules.get(step["Name"])
        if section is None or step["Type"] not in RETRYABLE_TYPES:
            continue
        policies = list(_policies(section, is_job=step["Type"] in JOB_TYPES))
        if policies:
            step["RetryPolicies"] = policies


def _rules(graph: PipelineGraph, config: object) -> RetrySection:
    own = (
        config.retry
        if isinstance(config, (StepConfig, EMRServerlessStep, NotebookJobStep))
        else None
    )
    return own or graph.pipeline.config.retry


def _policies(section: RetrySection, *, is_job: bool) -> Iterator[Json]:
    """Yield a policy for faults of the step, and one for those of its job, where it has one."""
    if not section.enabled:
        return
    kinds = ((STEP_CAUSES, STEP_SECONDS), (JOB_CAUSES, JOB_SECONDS))
    for types, seconds in kinds if is_job else kinds[:1]:
        causes = [name for cause, name in types.items() if cause in section.causes]
        if causes:
            yield {
                "ExceptionType": causes,
                "IntervalSeconds": section.interval_seconds or seconds,
                "BackoffRate": float(section.backoff_rate),
                **_end(section),
            }


def _end(section: RetrySection) -> Json:
    if section.expire_after_minutes is not None:
        return {"ExpireAfterMin": section.expire_after_minutes}
    return {"MaxAttempts": section.max_attempts or DEFAULT_ATTEMPTS}
