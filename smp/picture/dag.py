"""A compiled pipeline as a picture or listing needs it: boxes, their texts, and arrows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.step_types import FOR_EACH, row_of
from smp.text.human import counted

INSTANCE_TYPE_KEYS = ("InstanceType", "TransformInstanceType")
INSTANCE_COUNT_KEYS = ("InstanceCount", "TransformInstanceCount")

DECISIONS = {"IfSteps": "if it holds", "ElseSteps": "else", "ForEachBody": "for each"}
"""By argument of a Condition or ForEach step that holds steps: when it lets them run."""


@dataclass(frozen=True)
class Step:
    """One box. `model` is empty if the pipeline does not name the step's model."""

    name: str
    type: str
    model: str = ""
    instance_type: str | None = None
    instance_count: int = 1
    cached_for: str | None = None
    """How long a cached result counts (`10d`), None for a step that always runs."""
    repeats: str = ""
    """Of a loop, how often its steps run: `3 items, 2 at once`."""

    @property
    def instances(self) -> str:
        """The machines it runs on as a person writes them: `2 x ml.m5.large`, or empty."""
        if self.instance_type is None:
            return ""
        count = f"{self.instance_count} x " if self.instance_count > 1 else ""
        return count + self.instance_type


@dataclass(frozen=True, order=True)
class Edge:
    """`target` waits for `source`: for its data, for what it decides, or only for the order."""

    source: str
    target: str
    carries_data: bool
    decides: str = ""
    """When `source` lets `target` run, if that is inside of it: `if it holds`, `else`, `for each`."""


@dataclass(frozen=True)
class Dag:
    """All steps in the order of the definition, and all edges, sorted."""

    name: str
    steps: tuple[Step, ...]
    edges: tuple[Edge, ...]

    @property
    def models(self) -> tuple[str, ...]:
        """The models that have steps, in the order in which they first appear."""
        return tuple(dict.fromkeys(step.model for step in self.steps if step.model))


def read_dag(pipeline: CompiledPipeline, model_of: Mapping[str, str] | None = None) -> Dag:
    """Read steps and edges; `model_of` maps emitted step names to the configured model."""
    known = model_of or {}
    data = _without_order(pipeline).edges()
    decided = dict(_decisions(pipeline))

    def edge(source: str, target: str) -> Edge:
        decides = decided.get((source, target), "")
        return Edge(source, target, not decides and source in data[target], decides)

    return Dag(
        name=pipeline.name,
        steps=tuple(_read_step(step, known.get(step["Name"], "")) for step in pipeline.steps()),
        edges=tuple(
            sorted(
                edge(source, target)
                for target, sources in pipeline.edges().items()
                for source in sources
            )
        ),
    )


def _decisions(pipeline: CompiledPipeline) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each step that is inside another, with that one before it, and when it lets it run."""
    for step in pipeline.steps():
        for key, decides in DECISIONS.items():
            inside = step.get("Arguments", {}).get(key)
            for nested in inside if isinstance(inside, list) else ():
                yield (step["Name"], nested["Name"]), decides


def _without_order(pipeline: CompiledPipeline) -> CompiledPipeline:
    """Return the pipeline as it would be if nobody had asked for an order between its steps."""

    def strip(value: Any) -> Any:
        if isinstance(value, list):
            return [strip(item) for item in value]
        if isinstance(value, dict):
            is_step = "Name" in value and "Type" in value
            return {
                key: strip(item)
                for key, item in value.items()
                if not (is_step and key == "DependsOn")
            }
        return value

    return replace(pipeline, definition=strip(pipeline.definition))


def _read_step(step: Json, model: str) -> Step:
    cache = step.get("CacheConfig", {})
    arguments = step.get("Arguments", {})
    row = row_of(step)
    count = _find(arguments, INSTANCE_COUNT_KEYS)
    instance_type = _find(arguments, INSTANCE_TYPE_KEYS)
    return Step(
        name=step["Name"],
        type=row.name,
        model=model,
        instance_type=instance_type if isinstance(instance_type, str) else None,
        instance_count=count if isinstance(count, int) else 1,
        cached_for=cache.get("ExpireAfter", "ever") if cache.get("Enabled") else None,
        repeats=_repeats(arguments) if row is FOR_EACH else "",
    )


def _repeats(arguments: Json) -> str:
    items = arguments["IterableItems"]
    count = counted(len(items), "item") if isinstance(items, list) else "a list of items"
    return f"{count}, {arguments['MaxConcurrency']} at once"


def _find(arguments: Json, keys: tuple[str, ...]) -> Any:
    """Return the first value of one of the keys in the job's own resources, at any depth."""
    for section in ("ProcessingResources", "ResourceConfig", "TransformResources"):
        for settings in (arguments.get(section, {}), *arguments.get(section, {}).values()):
            for key in keys:
                if isinstance(settings, dict) and key in settings:
                    return settings[key]
    return None
