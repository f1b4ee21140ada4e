"""Checks the values that a run or an execution gives to a pipeline's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smp.definition.compiled import Json, nested_steps
from smp.definition.hyperparameters import breaks_quotes, quoted_in
from smp.definition.item_list import ItemError, items_of
from smp.definition.language import parameter_of
from smp.definition.parameter_text import MAX_VALUE, read_text
from smp.definition.step_types import FOR_EACH
from smp.errors import Problem, RunError, near_names


def parameter_values(definition: Json, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the value of every parameter: as given, or its default.

    Raises RunError with every fault: unknown names, wrong types, values outside the enumeration,
    parameters without value, what is not a list of items where a loop of the definition reads one, and
    what would not arrive as it is in a hyperparameter.
    """
    declared = {item["Name"]: item for item in definition.get("Parameters", [])}
    problems = [
        Problem(
            f"the pipeline has no parameter '{name}'",
            allowed=", ".join(declared) or "it has none",
            hint=near_names(name, declared),
        )
        for name in given
        if name not in declared
    ]
    values, lists = {}, _read_by_loops(definition)
    quoted = quoted_in(nested_steps(definition.get("Steps", [])))
    for name, parameter in declared.items():
        try:
            values[name] = _value(parameter, given.get(name))
            if name in given and name in lists:
                items_of(given[name])
            if name in given and name in quoted and breaks_quotes(given[name]):
                raise ValueError(
                    'stands inside a JSON string, a hyperparameter: ", backslash and control characters '
                    "would change there"
                )
        except ItemError as error:
            problems.append(error.problem(name, given[name]))
        except ValueError as error:
            problems.append(Problem(str(error), path=name, found=given.get(name)))
    if problems:
        raise RunError(problems)
    return values


def read_assignments(texts: Sequence[str]) -> dict[str, str]:
    """Read `name=value` pairs; raises RunError for those without `=` and for a name given twice."""
    pairs: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not name:
            problems.append(Problem("is not name=value", found=text))
        elif name in pairs:
            problems.append(Problem("is given twice", path=name, found=text))
        else:
            pairs[name] = value
    if problems:
        raise RunError(problems)
    return pairs


def _read_by_loops(definition: Json) -> set[str]:
    """Return the names of the parameters that hold the items of loops."""
    steps = nested_steps(definition.get("Steps", []))
    read = [
        step["Arguments"].get("IterableItems") for step in steps if step["Type"] == FOR_EACH.name
    ]
    return {name for items in read if (name := parameter_of(items)) is not None}


def _value(parameter: Json, given: str | None) -> Any:
    if given is None:
        if "DefaultValue" not in parameter:
            raise ValueError("has no default and was given no value")
        return parameter["DefaultValue"]
    if len(given) > MAX_VALUE:
        raise ValueError(f"has {len(given):,} characters, at most {MAX_VALUE:,} are allowed")
    value = read_text(given, parameter["Type"])
    allowed = parameter.get("EnumValues")
    if allowed and value not in allowed:
        raise ValueError(f"must be one of {', '.join(map(str, allowed))}")
    return value
