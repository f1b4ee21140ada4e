"""The retry policies of a definition's steps."""

from __future__ import annotations

from collections.abc import Iterator

from smp.config.sections.retry import RetryCause, RetrySection
from smp.config.steps.base import Retried, StepBase
from smp.definition.compiled import Json, nested_steps
from smp.definition.step_types import row_of
from smp.graph.nodes import PipelineGraph
from smp.graph.step_classes import STEP_CLASSES

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


def add_retry_policies(graph: PipelineGraph, definition: Json) -> None:
    """Give each step the policies that it, or its pipeline, asks for."""
    rules = {
        name: _rules(graph, node.config)
        for node in graph.steps
        if STEP_CLASSES[node.step_class].retries is not None
        for name in node.emitted
    }
    for step in nested_steps(definition["Steps"]):
        if step["Name"] in rules:
            call = row_of(step).call
            is_job = call is not None and call.is_job
            policies = list(_policies(rules[step["Name"]], is_job=is_job))
            if policies:
                step["RetryPolicies"] = policies


def _rules(graph: PipelineGraph, config: StepBase) -> RetrySection:
    own = config.retry if isinstance(config, Retried) else None
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
