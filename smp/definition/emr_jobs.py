"""The steps of a definition that start jobs on EMR Serverless."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smp.definition.compiled import Json
from smp.definition.step_types import EMR_SERVERLESS, row_of


@dataclass(frozen=True)
class EmrJob:
    """One step of this type; without an application it makes one."""

    role: str
    application_id: str | None
    is_tagged: bool


def emr_jobs(steps: Iterable[Json]) -> tuple[EmrJob, ...]:
    """Return the jobs on EMR Serverless that the steps of a pipeline start."""
    found = (
        EmrJob(
            step["Arguments"]["ExecutionRoleArn"],
            step["Arguments"].get("ApplicationId"),
            "tags" in step["Arguments"]["JobConfig"],
        )
        for step in steps
        if row_of(step) is EMR_SERVERLESS
    )
    return tuple(dict.fromkeys(found))
