"""What a state machine cannot express of a pipeline, all of it, each with what to do instead.

What is only done differently is not refused: docs/targets.md describes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from smp.definition.compiled import Json
from smp.definition.language import (
    expressions_in,
    is_expression,
    path_parts,
    reference_of,
    step_property,
)
from smp.definition.step_types import TUNING, Refused
from smp.errors import Problem
from smp.export.refusal import refusal
from smp.export.stepfunctions.float_text import SCOPE
from smp.export.stepfunctions.jsonata import EXECUTION
from smp.export.stepfunctions.states import COMPARISONS, used_properties
from smp.export.stepfunctions.step_types import ON_SAGEMAKER, State, handling
from smp.export.workflow import Task, Workflow

TARGET = "Step Functions"
MAX_DEFINITION = 1_048_576
"""Characters of StateMachine.Definition (botocore 1.44.5)."""

CONDITIONS = frozenset({*COMPARISONS, "In", "Not", "Or", "And"})


def find_refusals(workflow: Workflow) -> list[Problem]:
    """Return everything that cannot be expressed, in the order of the steps."""
    used = used_properties(workflow)
    return [
        problem
        for task in workflow.tasks
        for problem in (*_kind(task), *_expressions(task), *_properties(task, used), *_rest(task))
    ]


def too_large(machine: Json) -> list[Problem]:
    """Return a problem where a definition is longer than Step Functions takes."""
    length = len(json.dumps(machine, separators=(",", ":"), ensure_ascii=False))
    if length <= MAX_DEFINITION:
        return []
    return [
        Problem(
            f"{TARGET} takes definitions of at most {MAX_DEFINITION:,} characters",
            found=f"{length:,}",
            hint="divide the pipeline",
        )
    ]


def _kind(task: Task) -> Iterator[Problem]:
    handled = handling(task)
    if isinstance(handled, Refused):
        yield refusal(TARGET, task.name, handled.reason, handled.instead)


def _expressions(task: Task) -> Iterator[Problem]:
    own = {**task.step, "Arguments": task.arguments}
    for expression in expressions_in(own):
        reference = expression.get("Get")
        if reference is None or step_property(expression):
            continue
        kind, name = reference_of(expression)
        if kind == "Execution" and name not in EXECUTION:
            instead = f"use one of {', '.join(sorted(EXECUTION))}"
            yield refusal(TARGET, task.name, f"the value {reference}", instead)
        elif kind not in ("Execution", "Parameters", SCOPE):
            yield refusal(TARGET, task.name, f"the reference {reference}", ON_SAGEMAKER)


def _properties(task: Task, used: Mapping[str, tuple[str, ...]]) -> Iterator[Problem]:
    """Yield what other steps read of a step and its call does not answer."""
    call = task.type.call
    for path in used.get(task.name, ()):
        first = str(next(path_parts(path)))
        if call and call.answer and path != call.answer:
            construct = f"the property {path} of a {task.kind} step"
            yield refusal(TARGET, task.name, construct, f"read its {call.answer} instead")
        elif task.type is TUNING and first == "TrainingJobSummaries":
            construct = f"the property {path}: only the best training job is known"
            yield refusal(TARGET, task.name, construct, "read its BestTrainingJob instead")
        elif isinstance(handling(task), State):
            construct = f"the property {path} of a {task.kind} step"
            yield refusal(TARGET, task.name, construct, ON_SAGEMAKER)


def _rest(task: Task) -> Iterator[Problem]:
    call = task.type.call
    if call and is_expression(task.arguments.get(call.name_member or "")):
        construct = "a job name that is only known at run time: its role is given names"
        yield refusal(TARGET, task.name, construct, f"leave {call.name_member} out")
    for condition in task.arguments.get("Conditions", []) if handling(task) is State.CHOICE else []:
        for kind in _condition_types(condition):
            if kind not in CONDITIONS:
                construct = f"a condition of type {kind}"
                yield refusal(TARGET, task.name, construct, f"use {', '.join(sorted(CONDITIONS))}")


def _condition_types(condition: Json) -> Iterator[str]:
    yield condition["Type"]
    for inner in [
        *condition.get("Conditions", []),
        *([condition["Condition"]] if "Condition" in condition else []),
    ]:
        yield from _condition_types(inner)
