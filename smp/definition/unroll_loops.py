"""Unrolls the loops of a definition: each iteration of a ForEach step as the steps that it consists of.

As in the service an iteration's steps are called `<step>-<index>`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from smp.definition.compiled import CURRENT_ITEM, CompiledPipeline, Json
from smp.definition.evaluate import lookup
from smp.definition.item_list import ItemError, items_of
from smp.definition.language import is_expression
from smp.definition.step_types import FOR_EACH
from smp.errors import RunError
from smp.text.messages import shown

Value = TypeVar("Value")

BODY = "ForEachBody"
ITEMS = "IterableItems"
JOB_NAMES = frozenset({"Execution.ProcessingJobName", "Execution.TrainingJobName"})
"""The names of the iterations' jobs; locally the name of the iteration's step."""


@dataclass(frozen=True)
class Iteration:
    """The steps that run for one item."""

    index: int
    steps: tuple[Json, ...]


def loops_of(steps: Iterable[Json]) -> dict[str, str]:
    """Return the loop that each step is in, of those that are in one."""
    return {
        inner["Name"]: step["Name"]
        for step in steps
        if step["Type"] == FOR_EACH.name
        for inner in step["Arguments"][BODY]
    }


def read_items(value: Any) -> list[Any]:
    """Return the items that a loop's resolved argument holds; raises RunError."""
    if isinstance(value, list):
        return value
    try:
        return items_of(str(value))
    except ItemError as error:
        raise RunError([error.problem("items", value)]) from None


def unroll(loop: Json, items: Sequence[Any]) -> Iterator[Iteration]:
    """Yield the iterations of a loop over its items; raises RunError for a field that an item lacks."""
    body = loop["Arguments"][BODY]
    names = {step["Name"] for step in body}
    for index, item in enumerate(items):
        unrolling = _Unrolling(index, item, names)
        yield Iteration(index, tuple(unrolling.step(step) for step in body))


def item_text(item: Any) -> str:
    """Return an item as the service shows it: a text as it is, anything else as JSON."""
    return item if isinstance(item, str) else json.dumps(item)


def iteration_name(step: str, index: int) -> str:
    """Return what a step of an iteration is called."""
    return f"{step}-{index}"


@dataclass(frozen=True)
class _Unrolling:
    index: int
    item: Any
    names: set[str]

    def step(self, step: Json) -> Json:
        own = iteration_name(step["Name"], self.index)
        placed: Json = self._value(step, own)
        return {**placed, "Name": own}

    def _value(self, value: Any, own: str) -> Any:
        if isinstance(value, list):
            return [self._value(item, own) for item in value]
        if not isinstance(value, dict):
            return value
        if is_expression(value) and "Get" in value:
            return self._get(value["Get"], own)
        return {
            key: self._depends_on(item) if key == "DependsOn" else self._value(item, own)
            for key, item in value.items()
        }

    def _get(self, path: str, own: str) -> Any:
        if path in JOB_NAMES:
            return own
        if path == CURRENT_ITEM:
            return json.dumps(self.item) if isinstance(self.item, dict) else self.item
        if path.startswith(f"{CURRENT_ITEM}."):
            field = path.removeprefix(f"{CURRENT_ITEM}.")
            return lookup(self._fields(), field, f"item {self.index}")
        scope, _, rest = path.partition(".")
        step, _, below = rest.partition(".")
        if scope == "Steps" and step in self.names:
            return {"Get": f"Steps.{iteration_name(step, self.index)}.{below}"}
        return {"Get": path}

    def _fields(self) -> Mapping[str, Any]:
        try:
            fields = json.loads(self.item) if isinstance(self.item, str) else self.item
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise RunError(f"item {self.index}, {shown(self.item)}, has no fields")
        return fields

    def _depends_on(self, dependencies: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for item in dependencies:
            name = item["Step"] if isinstance(item, dict) else item
            own = iteration_name(name, self.index) if name in self.names else name
            found.append({**item, "Step": own} if isinstance(item, dict) else own)
        return found


def with_iterations(
    compiled: CompiledPipeline, items: Mapping[str, Sequence[Any]]
) -> CompiledPipeline:
    """Return a pipeline with the iterations of loops whose items are known in the place of their steps."""
    if not items:
        return compiled
    models, stand_ins = dict(compiled.step_models), dict(compiled.stand_ins)

    def unrolled(steps: Iterable[Json]) -> list[Json]:
        found = []
        for step in steps:
            arguments = dict(step.get("Arguments", {}))
            if step["Type"] == FOR_EACH.name and step["Name"] in items:
                arguments[BODY] = []
                for iteration in unroll(step, items[step["Name"]]):
                    arguments[BODY] += iteration.steps
                    for inner, made in zip(step["Arguments"][BODY], iteration.steps, strict=True):
                        _copy(models, inner["Name"], made["Name"])
                        _copy(stand_ins, inner["Name"], made["Name"])
            for branch in ("IfSteps", "ElseSteps"):
                if branch in arguments:
                    arguments[branch] = unrolled(arguments[branch])
            found.append({**step, "Arguments": arguments} if "Arguments" in step else step)
        return found

    definition = {**compiled.definition, "Steps": unrolled(compiled.definition["Steps"])}
    return replace(compiled, definition=definition, step_models=models, stand_ins=stand_ins)


def _copy(table: dict[str, Value], name: str, copy: str) -> None:
    if name in table:
        table[copy] = table[name]


def selected_index(
    loop: Json, results: Sequence[Mapping[str, Mapping[str, Any]]]
) -> tuple[str, int] | None:
    """Return the step and the index that a loop's selector picks, the first of equals; raises RunError."""
    selector = loop["Arguments"].get("Selector")
    if selector is None:
        return None
    step, _, path = selector["Field"]["Get"].removeprefix("IterationOutput.").partition(".")
    values = [
        float(lookup(result[step], path, f"step '{iteration_name(step, index)}'"))
        for index, result in enumerate(results)
    ]
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise RunError(f"step '{iteration_name(step, index)}' has {value} as {path}")
    best = max(values) if selector["Pick"] == "MaxBy" else min(values)
    return step, values.index(best)
