"""Runs a RegisterModel step: adds a version to a model package group of the local registry.

The version names the URIs of the artifact and the reports: nothing is copied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from smp.local.jobs.context import StepContext
from smp.local.jobs.model import require_model_data
from smp.local.store.model_registry import Registry, group_name
from smp.local.store.reports import read_report


def run_register(context: StepContext) -> dict[str, Any]:
    """Register the model and return its DescribeModelPackage answer.

    A step that runs again in the same run, as after a kill, finds the version that it had made.
    """
    request = context.arguments
    group = group_name(request)
    for container in request.get("InferenceSpecification", {}).get("Containers", []):
        require_model_data(container, context.store)
    for uri, problem in _unusable_reports(context):
        context.warn(f"the version names the report {uri}, which {problem}")
    described = {item.name: item.description for item in context.compiled.model_package_groups}
    package = Registry(context.places.registry).register(
        request,
        token=f"{context.execution_id}/{context.name}",
        group_description=described.get(group),
    )
    status = package["ModelApprovalStatus"]
    context.say(f"version {package['ModelPackageVersion']} of {group}: {status}")
    return package


def _unusable_reports(context: StepContext) -> Iterator[tuple[str, str]]:
    metrics: Mapping[str, Any] = context.arguments.get("ModelMetrics", {})
    for reports in metrics.values():
        for report in reports.values():
            try:
                read_report(context.store.path_of(report["S3Uri"]))
            except ValueError as error:
                yield report["S3Uri"], str(error)
