"""Which steps run on this machine, and what to do instead if one does not."""

from __future__ import annotations

from collections.abc import Iterable

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.step_types import Refused
from smp.errors import Problem, RunError
from smp.local.jobs.kinds import Job, handling


def refuse_unrunnable(compiled: CompiledPipeline, steps: Iterable[Json]) -> None:
    """Raise RunError for steps of types that do not run here and that nothing stands in for."""
    problems = [
        Problem(f"step {step['Name']} of {compiled.name} {refused.reason}", hint=refused.instead)
        for step in steps
        if step["Name"] not in compiled.stand_ins and (refused := refusal_of(step))
    ]
    if problems:
        raise RunError(problems)


def refusal_of(step: Json) -> Refused | None:
    """Return why a step without a local stand-in does not run on this machine; None if it does."""
    handled = handling(step)
    if isinstance(handled, Refused):
        return handled
    return handled.refused if isinstance(handled, Job) else None


def runs_here(step: Json) -> bool:
    """Whether a step runs on this machine without a stand-in."""
    return refusal_of(step) is None
