"""Says what runs which steps. A kind's module is imported where there is a step of it: few have all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from smp.definition.compiled import Json
from smp.definition.model_lookups import is_lookup
from smp.definition.notebook_jobs import is_notebook_job
from smp.local.jobs.context import StepContext

RunStep = Callable[[StepContext], dict[str, Any]]

JOBS: Mapping[str, tuple[str, str]] = {
    "Processing": ("processing", "run_processing"),
    "Training": ("training", "run_training"),
    "Tuning": ("tuning", "run_tuning"),
    "Model": ("model", "run_model"),
    "Transform": ("transform", "run_transform"),
    "RegisterModel": ("register_model", "run_register"),
    "Lambda": ("function", "run_handler"),
    "Callback": ("function", "run_handler"),
    "QualityCheck": ("baseline_check", "run_check"),
    "ClarifyCheck": ("baseline_check", "run_check"),
}
"""By step type the module of this package and its function."""

LOOKUP = ("approved_model", "run_approved_model")
NOTEBOOK = ("notebook_job", "run_notebook")


def job_of(step: Json) -> RunStep:
    """Return what runs a step: steps of one type may be of several kinds."""
    found = LOOKUP if is_lookup(step) else NOTEBOOK if is_notebook_job(step) else JOBS[step["Type"]]
    module, function = found
    run: RunStep = getattr(import_module(f"smp.local.jobs.{module}"), function)
    return run
