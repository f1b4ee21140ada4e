"""Refuses keys of steps without effect beside the others: causes of retries, times of results."""

from __future__ import annotations

from collections.abc import Iterable

from smp.config.steps.any_step import StepConfig
from smp.config.steps.emr_serverless import EMRServerlessStep
from smp.config.steps.notebook_job import NotebookJobStep
from smp.graph.findings import Findings
from smp.graph.nodes import StepNode

OF_EVERY_STEP = ("throttling", "service_fault")
"""The causes of a retry that are no fault of a job of SageMaker."""
WITHOUT_JOB = ("CreateModel", "RegisterModel", "EMRServerless")
"""The classes that take retries and start no such job, but for one that packs a model."""


def check_unused_keys(findings: Findings, nodes: Iterable[StepNode]) -> None:
    """Report what is written at a step and would change nothing."""
    for node in nodes:
        if isinstance(node.config, (StepConfig, EMRServerlessStep)):
            _check_cache(findings, node.config)
        if isinstance(node.config, (StepConfig, EMRServerlessStep, NotebookJobStep)):
            _check_causes(findings, node, node.config)


def _check_cache(findings: Findings, config: StepConfig | EMRServerlessStep) -> None:
    written = config.model_fields_set
    if "cache_expire_after" in written and "enable_cache" not in written:
        findings.report_step(
            config,
            "has no effect without 'enable_cache'",
            "cache_expire_after",
            found=f"'{config.cache_expire_after}'",
            allowed="enable_cache beside it",
        )


def _check_causes(
    findings: Findings, node: StepNode, config: StepConfig | EMRServerlessStep | NotebookJobStep
) -> None:
    retry = config.retry
    if retry is None or "causes" not in retry.model_fields_set:
        return
    if node.step_class not in WITHOUT_JOB or node.repacks:
        return
    model, place = findings.places[config.step_name]
    for index, cause in enumerate(retry.causes):
        if cause not in OF_EVERY_STEP:
            path = ("models", model, "steps", place, "retry", "causes", index)
            findings.report(
                "is a fault of SageMaker's jobs, and this step starts none",
                *path,
                found=f"'{cause}'",
                allowed=", ".join(OF_EVERY_STEP),
            )
