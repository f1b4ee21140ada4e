"""A compiled pipeline as other engines see it: parameters, and tasks with what each waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from smp.definition.compiled import CONTAINERS, CompiledPipeline, Json
from smp.definition.language import expressions_in, is_expression, property_file_of
from smp.definition.step_types import ServiceCall, StepType, row_of

Trigger = Literal["Completed", "Failed", "Stopped", "Any"]
Branch = Literal["IfSteps", "ElseSteps"]
BRANCHES: tuple[Branch, ...] = ("IfSteps", "ElseSteps")


@dataclass(frozen=True)
class Parameter:
    """A parameter of the pipeline. `default` is None where a start has to give the value."""

    name: str
    type: str
    """`String`, `Integer`, `Float` or `Boolean`."""
    default: Any = None
    allowed: tuple[Any, ...] = ()
    description: str | None = None


@dataclass(frozen=True)
class Edge:
    """A step that has to end before a task may start, and how: `Any` is each of the other three.

    One that was skipped has not ended: what waits for it is skipped as well, whatever the trigger.
    """

    step: str
    trigger: Trigger = "Completed"


@dataclass(frozen=True)
class Side:
    """The side of a condition that a task stands on."""

    condition: str
    branch: Branch


@dataclass(frozen=True)
class PropertyFile:
    """A JSON file that a processing step writes and expressions read values of."""

    step: str
    name: str
    location: Any
    """The object's address, an expression of the definition language."""


@dataclass(frozen=True)
class Task:
    """One step. `step` is the definition's own, with its expressions and deploy-time names.

    `upstream` holds what is named in `DependsOn` and what an expression reads, without the condition
    of `side`.
    """

    name: str
    kind: str
    step: Json
    upstream: tuple[Edge, ...] = ()
    side: Side | None = None
    retries: tuple[Json, ...] = ()
    property_files: tuple[PropertyFile, ...] = ()
    """What it writes."""
    reads: tuple[PropertyFile, ...] = ()
    """What its own expressions read of other steps."""

    @property
    def type(self) -> StepType:
        """The row of its step: one `kind` may have several forms."""
        return row_of(self.step)

    @property
    def call(self) -> ServiceCall:
        """The call of SageMaker's API that it makes; only for a task that makes one."""
        call = self.type.call
        assert call is not None, f"{self.name} makes no call"
        return call

    @property
    def arguments(self) -> Json:
        """Its arguments without the steps nested in it."""
        given = self.step.get("Arguments", {})
        return {key: value for key, value in given.items() if not _holds_steps(key, value)}


@dataclass(frozen=True)
class Workflow:
    """A pipeline's tasks so that each comes after all it waits for; ties keep the definition's order.

    Steps on the sides of conditions are tasks of their own; those inside a loop are not.
    """

    name: str
    parameters: tuple[Parameter, ...]
    tasks: tuple[Task, ...]

    def task(self, name: str) -> Task:
        """Return a task by its name; raises KeyError."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise KeyError(name)

    def waits_for(self) -> Mapping[str, tuple[str, ...]]:
        """Map each task to all it waits for directly, the condition of its side last."""
        return {
            task.name: (
                *(edge.step for edge in task.upstream),
                *([task.side.condition] if task.side else []),
            )
            for task in self.tasks
        }


def read_workflow(compiled: CompiledPipeline) -> Workflow:
    """Read the tasks off a pipeline's definition; raises CompileError where steps wait in a circle."""
    placed = list(_placed(compiled.definition["Steps"]))
    steps = {step["Name"]: step for step, _ in placed}
    edges = compiled.edges()
    tasks = {step["Name"]: _task(step, side, edges[step["Name"]], steps) for step, side in placed}
    order = [name for name in compiled.order() if name in tasks]
    return Workflow(
        compiled.name,
        tuple(_parameter(item) for item in compiled.definition.get("Parameters", [])),
        tuple(tasks[name] for name in order),
    )


def _placed(steps: list[Json], side: Side | None = None) -> Iterator[tuple[Json, Side | None]]:
    for step in steps:
        yield step, side
        if step["Type"] == "Condition":
            for branch in BRANCHES:
                inner = step.get("Arguments", {}).get(branch) or []
                yield from _placed(inner, Side(step["Name"], branch))


def _task(
    step: Json, side: Side | None, upstream: tuple[str, ...], steps: Mapping[str, Json]
) -> Task:
    name = step["Name"]
    triggers = _triggers(step)
    task = Task(
        name=name,
        kind=step["Type"],
        step=step,
        upstream=tuple(
            Edge(above, triggers.get(above, "Completed"))
            for above in upstream
            if side is None or above != side.condition
        ),
        side=side,
        retries=tuple(step.get("RetryPolicies", [])),
        property_files=tuple(_property_files(step)),
    )
    return Task(**{**vars(task), "reads": tuple(_reads(task, steps))})


def _triggers(step: Json) -> dict[str, Trigger]:
    """Return the trigger of each explicit dependency that names one; others mean Completed."""
    return {
        item["Step"]: item.get("Trigger", "Completed")
        for item in step.get("DependsOn", [])
        if isinstance(item, dict)
    }


def _property_files(step: Json) -> Iterator[PropertyFile]:
    for item in step.get("PropertyFiles", []):
        place = (
            f"Steps.{step['Name']}.ProcessingOutputConfig.Outputs['{item['OutputName']}']"
            ".S3Output.S3Uri"
        )
        location = {"Std:Join": {"On": "/", "Values": [{"Get": place}, item["FilePath"]]}}
        yield PropertyFile(step["Name"], item["PropertyFileName"], location)


def _reads(task: Task, steps: Mapping[str, Json]) -> Iterator[PropertyFile]:
    """Yield each property file that a task's expressions read, once."""
    own = {**task.step, "Arguments": task.arguments}
    read = dict.fromkeys(
        property_file_of(expression["Std:JsonGet"])
        for expression in expressions_in(own)
        if "Std:JsonGet" in expression
    )
    for step, name in read:
        yield from (file for file in _property_files(steps.get(step, {})) if file.name == name)


def _parameter(declared: Json) -> Parameter:
    return Parameter(
        declared["Name"],
        declared["Type"],
        declared.get("DefaultValue"),
        tuple(declared.get("EnumValues", ())),
        declared.get("Description"),
    )


def _holds_steps(key: str, value: Any) -> bool:
    """Tell whether an argument is a list of steps, as those of conditions and loops are."""
    return (
        key in CONTAINERS
        and isinstance(value, list)
        and all(isinstance(item, dict) and "Type" in item for item in value)
    )


def report_key(workflow: Workflow, file: PropertyFile) -> str:
    """Return the bucket and key of a property file, with a `*` for what only a run knows."""
    written = workflow.task(file.step)
    item = next(
        item for item in written.step["PropertyFiles"] if item["PropertyFileName"] == file.name
    )
    outputs = written.arguments["ProcessingOutputConfig"]["Outputs"]
    output = next(out for out in outputs if out["OutputName"] == item["OutputName"])
    place = _pattern(output["S3Output"]["S3Uri"]).removeprefix("s3://").rstrip("/")
    return f"{place}/{item['FilePath']}"


def _pattern(value: Any) -> str:
    if not is_expression(value):
        return str(value)
    if "Std:Join" not in value:
        return "*"
    join = value["Std:Join"]
    return str(join.get("On", "")).join(_pattern(item) for item in join["Values"])
