"""How many instance-hours one execution of a pipeline takes at most, and what they cost.

A limit is the product of what the definition or the service's default gives, never an estimate; a
price that no file gives stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.language import filled
from smp.definition.prices import Prices
from smp.definition.step_types import FOR_EACH, Billing, row_of
from smp.review.diff.changes import Bound, Bounds

DEFAULT_SECONDS = 24 * 3600
"""A job's limit where its request names none.

Training: "The default value is 1 day" (StoppingCondition in the service's API, botocore 1.44.5);
processing: "If max_runtime_in_seconds is not specified, the default value is 24 hours" (the SageMaker
SDK's `Processor`). A transform job has no such limit.
"""

JOBS = get_args(Billing)
UNKNOWN_TYPE = "unknown"

Notes = tuple[str, ...]


@dataclass(frozen=True)
class _Jobs:
    """Jobs of one step on machines of one type."""

    job: str
    instance_type: str
    hours: float | None
    notes: tuple[str, ...] = ()


def compare_bounds(
    before: CompiledPipeline | None, after: CompiledPipeline | None, prices: Prices | None
) -> Bounds:
    """Return the bounds of both sides, priced where the price file knows the machine."""
    sides = [_bounds(pipeline, prices) if pipeline else () for pipeline in (before, after)]
    source = (prices.currency, prices.source) if prices else ("", "")
    return Bounds(sides[0], sides[1], *source)


def _bounds(pipeline: CompiledPipeline, prices: Prices | None) -> tuple[Bound, ...]:
    defaults = {
        parameter["Name"]: parameter.get("DefaultValue")
        for parameter in pipeline.definition.get("Parameters") or []
    }
    grouped: dict[tuple[str, str], list[_Jobs]] = {}
    repeated = _repetitions(pipeline)
    for step in pipeline.steps():
        for jobs in _jobs_of(filled(step, defaults)):
            found = _repeated(jobs, *repeated[step["Name"]]) if step["Name"] in repeated else jobs
            grouped.setdefault((jobs.job, jobs.instance_type), []).append(found)
    return tuple(
        Bound(
            job,
            instance_type,
            _total([jobs.hours for jobs in found]),
            prices.of(job, instance_type) if prices else None,
            tuple(dict.fromkeys(note for jobs in found for note in jobs.notes)),
        )
        for (job, instance_type), found in sorted(
            grouped.items(), key=lambda item: (JOBS.index(item[0][0]), item[0][1])
        )
    )


def _repetitions(pipeline: CompiledPipeline) -> dict[str, tuple[str, int | None]]:
    """Return of each step in a loop the loop, and how many items that has; None where none are known."""
    found = {}
    for step in pipeline.steps():
        if step["Type"] == FOR_EACH.name:
            items = step["Arguments"]["IterableItems"]
            count = len(items) if isinstance(items, list) else None
            for inner in step["Arguments"]["ForEachBody"]:
                found[inner["Name"]] = (step["Name"], count)
    return found


def _repeated(jobs: _Jobs, loop: str, items: int | None) -> _Jobs:
    """Return the jobs of a step in a loop: once for each item, a list that may be known."""
    if items is None:
        note = f"once for each item of {loop}, which an execution knows"
        return replace(jobs, hours=None, notes=(*jobs.notes, note))
    return replace(jobs, hours=None if jobs.hours is None else jobs.hours * items)


def _total(hours: list[float | None]) -> float | None:
    known = [item for item in hours if item is not None]
    return sum(known) if len(known) == len(hours) else None


def _jobs_of(step: Json) -> Iterator[_Jobs]:
    row = row_of(step)
    if row.billed_as is not None:
        notes = ("not counting retries",) if step.get("RetryPolicies") else ()
        yield from HOURS.get(row.name, _unlimited)(step, notes)


def _processing(step: Json, notes: Notes) -> Iterator[_Jobs]:
    arguments = step.get("Arguments") or {}
    cluster = _mapping(_mapping(arguments.get("ProcessingResources")).get("ClusterConfig"))
    yield from _limited("processing", cluster, arguments, 1, notes)


def _check(step: Json, notes: Notes) -> Iterator[_Jobs]:
    yield from _processing(step, notes)
    if "ModelName" in step:
        yield _Jobs("other", f"endpoint of a {step['Type']} step", None)


def _transform(step: Json, _: Notes) -> Iterator[_Jobs]:
    resources = _mapping(_mapping(step.get("Arguments")).get("TransformResources"))
    yield _Jobs("transform", _instance_type(resources), None)


def _unlimited(step: Json, _: Notes) -> Iterator[_Jobs]:
    yield _Jobs("other", f"{step['Type']} step", None)


def _training(step: Json, notes: Notes) -> Iterator[_Jobs]:
    yield from _training_jobs(step.get("Arguments") or {}, 1, notes)


def _training_jobs(arguments: Json, jobs: float, notes: Notes) -> Iterator[_Jobs]:
    config = _mapping(arguments.get("ResourceConfig"))
    tuned = _mapping(arguments.get("HyperParameterTuningResourceConfig"))
    groups = config.get("InstanceGroups") or tuned.get("InstanceConfigs") or [config or tuned]
    for group in groups:
        kept = config.get("KeepAlivePeriodInSeconds") or 0
        yield from _limited("training", _mapping(group), arguments, jobs, notes, kept)


def _tuning(step: Json, notes: Notes) -> Iterator[_Jobs]:
    arguments = step.get("Arguments") or {}
    config = _mapping(arguments.get("HyperParameterTuningJobConfig"))
    jobs = _number(_mapping(config.get("ResourceLimits")).get("MaxNumberOfTrainingJobs"))
    one = arguments.get("TrainingJobDefinition")
    definitions = arguments.get("TrainingJobDefinitions") or ([one] if one else [])
    for definition in definitions:
        for found in _training_jobs(_mapping(definition), jobs or 1, notes):
            yield found if jobs else _Jobs(found.job, found.instance_type, None, found.notes)


def _limited(
    job: str,
    cluster: Json,
    arguments: Json,
    jobs: float,
    notes: Notes,
    kept_alive: float = 0,
) -> Iterator[_Jobs]:
    stated = _mapping(arguments.get("StoppingCondition")).get("MaxRuntimeInSeconds")
    seconds = DEFAULT_SECONDS if stated is None else _number(stated)
    count = _number(cluster.get("InstanceCount", 1))
    known = seconds is not None and count is not None
    hours = jobs * (count or 0) * ((seconds or 0) + kept_alive) / 3600 if known else None
    if stated is None:
        notes = (*notes, f"{job} without a limit: the service's 24 h")
    yield _Jobs(job, _instance_type(cluster), hours, notes)


def _instance_type(resources: Json) -> str:
    """Return the type; an expression without a default, which only an execution knows, is unknown."""
    found = resources.get("InstanceType")
    return found if isinstance(found, str) else UNKNOWN_TYPE


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def cost(bounds: tuple[Bound, ...]) -> float:
    """Return what the bounded hours of known price cost."""
    return sum(bound.hours * bound.price for bound in bounds if bound.hours and bound.price)


HOURS: Mapping[str, Callable[[Json, Notes], Iterator[_Jobs]]] = {
    "Processing": _processing,
    "Training": _training,
    "NotebookJob": _training,
    "Tuning": _tuning,
    "Transform": _transform,
    "QualityCheck": _check,
    "ClarifyCheck": _check,
    "EMRServerless": _unlimited,
}
"""What the machines of a step are read from, for every type of step that is billed."""
