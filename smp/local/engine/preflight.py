"""What is refused before a run starts: steps that need several machines, or an image where none can run."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.language import parameter_of, step_property
from smp.errors import Problem, RunError
from smp.local.engine.plan import Plan
from smp.local.engine.step_support import runs_here
from smp.local.jobs.script_mode import PROGRAM, is_script_mode

SPARK_SUBMIT = "smspark-submit"
"""The command of SageMaker's Spark images."""

MPI_SETTING = "mpi_additional_options"
"""What only the settings of an MPI job have, in the file that the SDK ships with it."""


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
        name = parameter_of(count)
        yield int(count if name is None else parameters.get(name, 1))


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
        if name not in done and not runs_here(plan.steps[name])
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
    place = step_property(named)
    if place is None:
        return
    model = plan.steps.get(place[0], {})
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
