"""Decides, before anything starts, which steps of a definition run here and what each waits for.

It never runs a step.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smp.compiler.compiled import CompiledPipeline, Json
from smp.compiler.lookups import is_lookup
from smp.errors import Problem, RunError, near_names
from smp.local.jobs.script_mode import PROGRAM, is_script_mode
from smp.local.loops import loops_of

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

WITHOUT_RESULT = frozenset({"EMRServerless"})
"""Types of steps that do not run here, and of which no step reads a result."""


SPARK_SUBMIT = "smspark-submit"
"""The command of SageMaker's Spark images."""

MPI_SETTING = "mpi_additional_options"
"""What only the settings of an MPI job have, in the file that the SDK ships with it."""


@dataclass(frozen=True)
class Plan:
    """The steps to run and those whose earlier results are used."""

    steps: Mapping[str, Json]
    upstream: Mapping[str, tuple[str, ...]]
    run: tuple[str, ...]
    """Names to run, each after all it waits for."""
    reuse: tuple[str, ...]
    """Names whose results an earlier run must have."""
    branch_of: Mapping[str, tuple[str, str]]
    """For a step inside a condition: the Condition step, and `IfSteps` or `ElseSteps`."""
    in_loops: tuple[str, ...] = ()
    """Names of the steps that loops of the run hold: their iterations run, under names of their own."""

    @property
    def jobs(self) -> tuple[str, ...]:
        """Names of all steps whose work is done in this run."""
        return (*self.run, *self.in_loops)


def plan_run(compiled: CompiledPipeline, only: str | None = None, start: str | None = None) -> Plan:
    """Plan a run of all steps, of one, or of one and all after it; raises RunError."""
    steps = {step["Name"]: step for step in compiled.steps()}
    branch_of = _branches(compiled.definition["Steps"])
    loops = loops_of(steps.values())
    upstream = _around_loops(compiled.edges(), loops)
    for name in (only, start):
        _refuse_inside(compiled, name, loops)
        if name is not None and name not in steps:
            raise RunError(
                [
                    Problem(
                        f"'{name}' is not a step of {compiled.name}",
                        allowed=", ".join(steps),
                        hint=near_names(name, steps),
                    )
                ]
            )
    chosen = _chosen(compiled, upstream, only, start)
    order = tuple(name for name in compiled.order() if name in chosen and name not in loops)
    inside = tuple(name for name, loop in loops.items() if loop in order)
    _refuse_unrunnable(compiled, [steps[name] for name in (*order, *inside)])
    upstream = _without_outsiders(steps, upstream, chosen)
    needed = {above for name in order for above in upstream[name]} - set(order)
    return Plan(steps, upstream, order, tuple(sorted(needed)), branch_of, inside)


def _refuse_inside(compiled: CompiledPipeline, name: str | None, loops: Mapping[str, str]) -> None:
    if name is not None and name in loops:
        problem = Problem(
            f"'{name}' of {compiled.name} runs once for each item of '{loops[name]}'",
            hint=f"name the loop: {loops[name]}",
        )
        raise RunError([problem])


def _around_loops(
    upstream: Mapping[str, tuple[str, ...]], loops: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return what each step waits for, where a loop waits for all that its steps wait for outside it."""
    found = {name: set(above) for name, above in upstream.items()}
    for name, loop in loops.items():
        found[loop] |= {above for above in upstream[name] if loops.get(above) != loop} - {loop}
    return {name: tuple(sorted(above)) for name, above in found.items()}


def _without_outsiders(
    steps: Mapping[str, Json], upstream: Mapping[str, tuple[str, ...]], chosen: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return what each step waits for, without steps that are gone around and have no results."""
    outside = {
        name
        for name, step in steps.items()
        if step["Type"] in WITHOUT_RESULT and name not in chosen
    }
    return {
        name: tuple(other for other in above if other not in outside)
        for name, above in upstream.items()
    }


def _branches(steps: Iterable[Json]) -> dict[str, tuple[str, str]]:
    found = {}
    for step in steps:
        for branch in ("IfSteps", "ElseSteps"):
            inner = step.get("Arguments", {}).get(branch, []) if step["Type"] == "Condition" else []
            for nested in inner:
                found[nested["Name"]] = (step["Name"], branch)
            found.update(_branches(inner))
    return found


def _chosen(
    compiled: CompiledPipeline,
    upstream: Mapping[str, tuple[str, ...]],
    only: str | None,
    start: str | None,
) -> set[str]:
    if only is not None:
        return {only}
    if start is None:
        return set(upstream)
    chosen = {start}
    for name in compiled.order():
        if chosen.intersection(upstream[name]):
            chosen.add(name)
    return chosen


def _refuse_unrunnable(compiled: CompiledPipeline, steps: Iterable[Json]) -> None:
    problems = [
        Problem(
            f"step {step['Name']} of {compiled.name} is of type {step['Type']}, which does not run here",
            hint=INSTEAD.get(step["Type"], "run the steps after it with --from"),
        )
        for step in steps
        if not _runs_here(step) and step["Name"] not in compiled.stand_ins
    ]
    if problems:
        raise RunError(problems)


def _runs_here(step: Json) -> bool:
    return step["Type"] in RUNNABLE or is_lookup(step)


def refuse_several_machines(
    compiled: CompiledPipeline,
    plan: Plan,
    parameters: Mapping[str, Any],
    done: Collection[str] = (),
) -> None:
    """Raise RunError for steps whose training jobs need several machines; those in `done` have run."""
    problems = [
        Problem(
            f"step {name} of {compiled.name} trains on several machines at once, and this is one",
            found=f"instance_count: {count}",
            hint="make it a parameter and run with --param NAME=1, or set it to 1 in "
            "conf.environments",
        )
        for name in plan.jobs
        for count in _machines(plan.steps[name], parameters)
        if count > 1 and name not in done
    ]
    if problems:
        raise RunError(problems)


def _machines(step: Json, parameters: Mapping[str, Any]) -> Iterator[int]:
    """Yield how many machines each training job of a step has."""
    arguments = step.get("Arguments", {})
    jobs = {"Training": [arguments], "Tuning": _tuned(arguments)}.get(step["Type"], [])
    for job in jobs:
        count = job.get("ResourceConfig", {}).get("InstanceCount", 1)
        if isinstance(count, dict):
            count = parameters.get(str(count.get("Get")).removeprefix("Parameters."), 1)
        yield int(count)


def refuse_images(
    compiled: CompiledPipeline, plan: Plan, runs_images: bool, done: Collection[str] = ()
) -> None:
    """Raise RunError for the steps that need what only their image has, where no image can run.

    Those in `done` have run. A Training or Tuning step whose model names a local stand-in is not refused.
    The stand-in of a step without an image is what no container engine can run.
    """
    if runs_images:
        _refuse_without_image(compiled, plan, done)
        return
    waiting = [name for name in plan.jobs if name not in done and name not in compiled.stand_ins]
    problems = [
        Problem(
            f"step {name} of {compiled.name} starts its processes by mpirun, which its image brings",
            hint="run with --sandbox docker, or go around it with --from",
        )
        for name in waiting
        if _starts_by_mpi(compiled, plan.steps[name])
    ]
    problems += [
        Problem(
            f"step {name} of {compiled.name} is submitted to Spark, which its image brings",
            hint="run with --sandbox docker, or go around it with --from",
        )
        for name in waiting
        if _is_submitted(plan.steps[name])
    ]
    problems += [
        Problem(
            f"step {name} of {compiled.name} runs what its image brings, "
            "which only a container engine can",
            found=image,
            hint=_without_image(compiled, plan.steps[name]),
        )
        for name in waiting
        for image in _needed_images(plan.steps[name])
    ]
    problems += [
        Problem(
            f"step {name} of {compiled.name} needs the server that its model's image brings, "
            "which does not run here",
            found=image,
            hint=f"set conf.models.{compiled.step_models.get(name)}.transform.local_stand_in to a script "
            "with model_fn that runs here in its place, or go around it with --from",
        )
        for name in waiting
        for image in _serving_images(plan, plan.steps[name])
    ]
    if problems:
        raise RunError(problems)


def _refuse_without_image(compiled: CompiledPipeline, plan: Plan, done: Collection[str]) -> None:
    problems = [
        Problem(
            f"step {name} of {compiled.name} has a stand-in and no image to run it in",
            hint="run without --sandbox docker",
        )
        for name in plan.jobs
        if name not in done and not _runs_here(plan.steps[name])
    ]
    if problems:
        raise RunError(problems)


def _needed_images(step: Json) -> Iterator[str]:
    """Yield the image of each job of a step that names no command and no script."""
    arguments = step.get("Arguments", {})
    if step["Type"] == "Processing":
        specification = arguments["AppSpecification"]
        if "ContainerEntrypoint" not in specification:
            yield str(specification.get("ImageUri"))
    elif step["Type"] == "Training":
        specification = arguments["AlgorithmSpecification"]
        if "ContainerEntrypoint" not in specification and not is_script_mode(arguments):
            yield str(specification.get("TrainingImage") or specification.get("AlgorithmName"))
    elif step["Type"] == "Tuning":
        for definition in _tuned(arguments):
            if PROGRAM not in definition.get("StaticHyperParameters", {}):
                yield str(definition["AlgorithmSpecification"].get("TrainingImage"))


def _serving_images(plan: Plan, step: Json) -> Iterator[str]:
    """Yield the image of a Transform step's model of this pipeline that names no inference script."""
    named = step.get("Arguments", {}).get("ModelName") if step["Type"] == "Transform" else None
    if not isinstance(named, dict):
        return
    model = plan.steps.get(str(named.get("Get")).removeprefix("Steps.").partition(".")[0], {})
    container = model.get("Arguments", {}).get("PrimaryContainer", {})
    has_script = "SAGEMAKER_PROGRAM" in container.get("Environment", {})
    if "Image" in container and not has_script:
        yield str(container["Image"])


def _is_submitted(step: Json) -> bool:
    command = step.get("Arguments", {}).get("AppSpecification", {}).get("ContainerEntrypoint", [])
    return any(SPARK_SUBMIT in str(word).split() for word in command)


def _starts_by_mpi(compiled: CompiledPipeline, step: Json) -> bool:
    """Tell whether the scripts that the SDK ships with a training job start it by mpirun."""
    for channel in step.get("Arguments", {}).get("InputDataConfig", []):
        if channel["ChannelName"] == "sm_drivers":
            tree = (
                str(channel["DataSource"]["S3DataSource"]["S3Uri"]).rstrip("/").rpartition("/")[2]
            )
            settings = compiled.code_store / tree / "distributed.json"
            return settings.is_file() and MPI_SETTING in json.loads(settings.read_text("utf-8"))
    return False


def _tuned(arguments: Json) -> list[Json]:
    one = arguments.get("TrainingJobDefinition")
    return arguments.get("TrainingJobDefinitions", []) if one is None else [one]


def _without_image(compiled: CompiledPipeline, step: Json) -> str:
    model = compiled.step_models.get(step["Name"])
    if step["Type"] in ("Training", "Tuning") and model is not None:
        key = f"conf.models.{model}.train.local_stand_in"
        return f"set {key} to a script that runs here in its place, or run with --sandbox docker"
    return "give the step a script, run with --sandbox docker, or go around it with --from"
