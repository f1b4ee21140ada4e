"""Refuses keys of steps without effect beside the others: causes of retries, times of results."""

from __future__ import annotations

from collections.abc import Iterable

from smp.config.sections.retry import RetrySection
from smp.config.steps.base import Cached, Retried
from smp.graph.findings import Findings
from smp.graph.nodes import StepNode
from smp.graph.step_classes import STEP_CLASSES

OF_EVERY_STEP = ("throttling", "service_fault")
"""The causes of a retry that are no fault of a job of SageMaker."""


def check_unused_keys(findings: Findings, nodes: Iterable[StepNode]) -> None:
    """Report what is written at a step and would change nothing."""
    for node in nodes:
        config = node.config
        if isinstance(config, Cached):
            _check_cache(findings, node, config.cache_expire_after)
        if isinstance(config, Retried) and config.retry is not None:
            _check_causes(findings, node, config.retry)


def _check_cache(findings: Findings, node: StepNode, expire_after: str) -> None:
    written = node.config.model_fields_set
    if "cache_expire_after" in written and "enable_cache" not in written:
        findings.report_step(
            node.config,
            "has no effect without 'enable_cache'",
            "cache_expire_after",
            found=f"'{expire_after}'",
            allowed="enable_cache beside it",
        )


def _check_causes(findings: Findings, node: StepNode, retry: RetrySection) -> None:
    starts_job = STEP_CLASSES[node.step_class].retries == "job" or node.repacks
    if starts_job or "causes" not in retry.model_fields_set:
        return
    model, place = findings.places[node.config.step_name]
    for index, cause in enumerate(retry.causes):
        if cause not in OF_EVERY_STEP:
            path = ("models", model, "steps", place, "retry", "causes", index)
            findings.report(
                "is a fault of SageMaker's jobs, and this step starts none",
                *path,
                found=f"'{cause}'",
                allowed=", ".join(OF_EVERY_STEP),
            )
