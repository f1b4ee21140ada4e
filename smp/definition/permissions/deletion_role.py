"""What deleting models takes: of the function that does it."""

from __future__ import annotations

from collections.abc import Iterator

from smp.definition.permissions.access import Access
from smp.definition.permissions.statement import Statement, regional_arn
from smp.definition.step_types import JOB_NAMES


def deletion_statements(_: Access) -> Iterator[Statement]:
    """Delete what pipelines made."""
    yield Statement(
        "DeleteModels",
        ["sagemaker:DeleteModel"],
        [regional_arn("sagemaker", f"model/{JOB_NAMES}")],
        wildcard="Each execution names its models anew.",
    )
