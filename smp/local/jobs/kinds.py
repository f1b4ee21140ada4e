"""What a local run makes of each type of step: a job of this package, a task of the engine, or a refusal.

A job's module is imported when a step of it runs: few runs have all types.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from smp.definition.compiled import Json
from smp.definition.step_types import Refused, row_of
from smp.local.jobs.context import StepContext

RunStep = Callable[[StepContext], dict[str, Any]]


@dataclass(frozen=True)
class Job:
    """A function of a module of this package."""

    module: str
    function: str
    refused: Refused | None = None
    """Why a step without a local stand-in does not run."""


@dataclass(frozen=True)
class ByEngine:
    """A step that starts no job: the engine decides, ends the run or repeats steps itself."""


def _unless(kind: str, instead: str) -> Refused:
    return Refused(f"is of type {kind}, which does not run here", instead)


def _baseline_check(kind: str) -> Job:
    instead = "give it a local_stand_in, a script that runs here in place of SageMaker's image"
    return Job("baseline_check", "run_check", _unless(kind, instead))


AROUND = "run the steps after it with --from"

JOBS: Mapping[str, Job | ByEngine | Refused] = {
    "Processing": Job("processing", "run_processing"),
    "Training": Job("training", "run_training"),
    "NotebookJob": Job("notebook_job", "run_notebook"),
    "Transform": Job("transform", "run_transform"),
    "Tuning": Job("tuning", "run_tuning"),
    "Model": Job("model", "run_model"),
    "RegisterModel": Job("register_model", "run_register"),
    "QualityCheck": _baseline_check("QualityCheck"),
    "ClarifyCheck": _baseline_check("ClarifyCheck"),
    "Condition": ByEngine(),
    "Fail": ByEngine(),
    "ForEach": ByEngine(),
    "Lambda": Job(
        "function",
        "run_handler",
        _unless(
            "Lambda", "give it a local_stand_in, a script that runs here in the function's place"
        ),
    ),
    "ApprovedModel": Job("approved_model", "run_approved_model"),
    "DeleteModel": Job("delete_model", "run_delete_model"),
    "Callback": Job(
        "function",
        "run_handler",
        _unless(
            "Callback",
            "give it a local_stand_in, a script that runs here in place of who reads the queue",
        ),
    ),
    "EMRServerless": _unless(
        "EMRServerless",
        f"put what it would write into the local bucket (smp s3 put), then {AROUND}",
    ),
}
"""By the name of a row of `smp.definition.step_types`."""


def handling(step: Json) -> Job | ByEngine | Refused:
    """Return what a local run makes of a step; a type without a row is refused."""
    return JOBS.get(row_of(step).name) or _unless(step["Type"], AROUND)


def job_of(step: Json) -> RunStep:
    """Return what runs a step that starts a job."""
    job = handling(step)
    assert isinstance(job, Job), f"{step['Name']} starts no job"
    run: RunStep = getattr(import_module(f"smp.local.jobs.{job.module}"), job.function)
    return run
