"""Which types of steps run on this machine, and what to do instead where one does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.model_lookups import is_lookup
from smp.errors import Problem, RunError

RUNNABLE = frozenset(
    {
        "Processing",
        "Training",
        "Tuning",
        "Model",
        "Transform",
        "RegisterModel",
        "Condition",
        "Fail",
        "ForEach",
    }
)

INSTEAD: Mapping[str, str] = {
    "Lambda": "give it a local_stand_in, a script that runs here in the function's place",
    "Callback": "give it a local_stand_in, a script that runs here in place of who reads the queue",
    "ClarifyCheck": "give it a local_stand_in, a script that runs here in place of SageMaker's image",
    "QualityCheck": "give it a local_stand_in, a script that runs here in place of SageMaker's image",
    "EMR": "it needs a cluster; run the steps after it with --from",
    "EMRServerless": "put what it would write into the local bucket (smp s3 put), then run the steps "
    "after it with --from",
}


def refuse_unrunnable(compiled: CompiledPipeline, steps: Iterable[Json]) -> None:
    """Raise RunError for steps of types that do not run here and that nothing stands in for."""
    problems = [
        Problem(
            f"step {step['Name']} of {compiled.name} is of type {step['Type']}, which does not run here",
            hint=INSTEAD.get(step["Type"], "run the steps after it with --from"),
        )
        for step in steps
        if not runs_here(step) and step["Name"] not in compiled.stand_ins
    ]
    if problems:
        raise RunError(problems)


def runs_here(step: Json) -> bool:
    """Whether a step is of a type that runs on this machine."""
    return step["Type"] in RUNNABLE or is_lookup(step)
