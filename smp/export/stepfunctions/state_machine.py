"""A compiled pipeline as a state machine of AWS Step Functions, in JSONata.

What only a deployment knows stays in it by name (`${smp:bucket}`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.definition.parameter_text import MAX_VALUE
from smp.export.refusal import refuse
from smp.export.stepfunctions.float_text import (
    DIGITS,
    TEXTS,
    float_text,
    is_exact,
    texts_read,
    with_texts,
)
from smp.export.stepfunctions.flow import render_states
from smp.export.stepfunctions.jsonata import INPUT, code, literal, member
from smp.export.stepfunctions.names import RUN, run_digits
from smp.export.stepfunctions.refusals import find_refusals, too_large
from smp.export.stepfunctions.scope import in_order
from smp.export.workflow import Parameter, read_workflow


def render_state_machine(compiled: CompiledPipeline) -> Json:
    """Return the definition of the state machine that runs a pipeline.

    Raises ExportError with all that a state machine cannot express.
    """
    workflow = read_workflow(_prepared(compiled))
    refuse(compiled.name, find_refusals(workflow))
    start, states = render_states(workflow, compiled.max_parallel_steps)
    in_texts = texts_read([task.step for task in workflow.tasks])
    states = {**parameter_states(workflow.parameters, start, in_texts), **states}
    machine = {
        "Comment": compiled.description or f"Runs the pipeline {compiled.name}",
        "QueryLanguage": "JSONata",
        "StartAt": CHECK,
        "States": in_order(CHECK, states),
    }
    refuse(compiled.name, too_large(machine))
    return machine


def _prepared(compiled: CompiledPipeline) -> CompiledPipeline:
    """Return a pipeline with its name where its steps ask for it, and with the texts of Floats.

    The name of a state machine may be another.
    """
    parameters = compiled.definition.get("Parameters", [])
    floats = frozenset(item["Name"] for item in parameters if item["Type"] == "Float")

    def put(value: Any) -> Any:
        if value == {"Get": "Execution.PipelineName"}:
            return compiled.name
        if isinstance(value, dict):
            return {key: put(item) for key, item in value.items()}
        return [put(item) for item in value] if isinstance(value, list) else value

    return replace(compiled, definition=with_texts(put(compiled.definition), floats))


def state_machine_text(machine: Json) -> str:
    """Return a state machine as a person reads it, the same bytes for the same pipeline."""
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"


CHECK, ASK, TAKE, REFUSE = (
    "Check the parameters",
    "Are the parameters right?",
    "Take the parameters",
    "Wrong parameters",
)

NUMBERS = {
    "Integer": "/^\\s*[-+]?[0-9]+\\s*$/",
    "Float": "/^\\s*[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?\\s*$/",
}
"""Text that is a number of a type."""


def parameter_states(
    parameters: Iterable[Parameter], following: str, in_texts: frozenset[str] = frozenset()
) -> dict[str, Json]:
    """Return the states before the first step, from `CHECK` on.

    `in_texts` holds the Float parameters that are parts of texts.
    """
    declared = list(parameters)
    faults = [_unknown(declared), *(fault for item in declared for fault in _faults(item))]
    texts = {item.name: code(_text(item)) for item in declared if item.name in in_texts}
    faults += [_too_exact(item) for item in declared if item.name in in_texts]
    assigned = {"Parameters": {item.name: code(_value(item)) for item in declared}}
    assigned |= {TEXTS.removeprefix("$"): texts} if texts else {}
    found = "$filter($Faults, function($fault) { $fault != '' })"
    return {
        CHECK: {
            "Type": "Pass",
            "Assign": {"Faults": [code(fault) for fault in faults]},
            "Next": ASK,
        },
        ASK: {
            "Type": "Choice",
            "Choices": [{"Condition": code("$join($Faults) != ''"), "Next": REFUSE}],
            "Default": TAKE,
        },
        REFUSE: {
            "Type": "Fail",
            "Error": "WrongParameters",
            "Cause": code(f"$join({found}, '; ')"),
        },
        TAKE: {
            "Type": "Pass",
            "Assign": {**assigned, RUN.removeprefix("$"): code(run_digits())},
            "Output": {},
            "Next": following,
        },
    }


def _unknown(parameters: list[Parameter]) -> str:
    names = ", ".join(literal(item.name) for item in parameters)
    has = ", ".join(item.name for item in parameters)
    text = f": no such parameter, the pipeline has {has or 'none'}"
    return (
        f"($unknown := $filter($keys({INPUT}), function($name) {{ $not($name in [{names}]) }}); "
        f"$exists($unknown) ? $join($unknown, ', ') & {literal(text)} : '')"
    )


def _faults(parameter: Parameter) -> Iterator[str]:
    """Yield JSONata for each way in which a value may be wrong; it is empty text where it is right."""
    value = member(INPUT, parameter.name)
    if parameter.default is None:
        needed = literal(f"{parameter.name}: is required")
        yield f"$exists({value}) ? '' : {needed}"
    given = f"$not($exists({value}))"
    kind = literal(f"{parameter.name}: must be of type {parameter.type}")
    yield f"{given} or {_fits(parameter, value)} ? '' : {kind}"
    if parameter.type == "String":
        long = literal(f"{parameter.name}: at most {MAX_VALUE:,} characters are allowed")
        yield f"{given} or $length($string({value})) <= {MAX_VALUE} ? '' : {long}"
    if parameter.allowed:
        allowed = ", ".join(literal(item) for item in parameter.allowed)
        listed = literal(f"{parameter.name}: must be one of {_listed(parameter)}")
        yield f"{given} or {_taken(parameter, value)} in [{allowed}] ? '' : {listed}"


def _fits(parameter: Parameter, value: str) -> str:
    kind = f"$type({value})"
    if parameter.type == "String":
        return f"{kind} = 'string'"
    if parameter.type == "Boolean":
        return (
            f"{kind} = 'boolean' or {kind} = 'string' and $lowercase({value}) in ['true', 'false']"
        )
    text = f"{kind} = 'string' and $contains({value}, {NUMBERS[parameter.type]})"
    if parameter.type == "Float":
        return f"{kind} = 'number' or {text}"
    return f"{kind} = 'number' and $floor({value}) = {value} or {text}"


def _value(parameter: Parameter) -> str:
    value = member(INPUT, parameter.name)
    if parameter.default is None:
        return _taken(parameter, value)
    return f"$exists({value}) ? {_taken(parameter, value)} : {literal(parameter.default)}"


def _text(parameter: Parameter) -> str:
    """Return the JSONata of the text of a Float parameter."""
    value = member(INPUT, parameter.name)
    given = float_text(_taken(parameter, value))
    if parameter.default is None:
        return given
    return f"$exists({value}) ? {given} : {literal(json.dumps(float(parameter.default)))}"


def _too_exact(parameter: Parameter) -> str:
    """Return the JSONata of what is wrong with a Float whose text would lose digits."""
    value = member(INPUT, parameter.name)
    long = literal(f"{parameter.name}: at most {DIGITS} significant digits, it is part of a text")
    return (
        f"$exists({value}) ? ({_fits(parameter, value)} ? "
        f"({is_exact(_taken(parameter, value))} ? '' : {long}) : '') : ''"
    )


def _taken(parameter: Parameter, value: str) -> str:
    """Return the JSONata of a given value in its type."""
    if parameter.type == "String":
        return value
    if parameter.type == "Boolean":
        return f"$lowercase($string({value})) = 'true'"
    return f"$number({value})"


def _listed(parameter: Parameter) -> str:
    return ", ".join(map(str, parameter.allowed))
