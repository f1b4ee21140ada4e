"""A compiled pipeline as a state machine of AWS Step Functions, in JSONata.

What only a deployment knows stays in it by name (`${smp:bucket}`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json
from smp.export.refusal import refuse
from smp.export.stepfunctions.flow import render_states
from smp.export.stepfunctions.parameters import CHECK, parameter_states
from smp.export.stepfunctions.refusals import find_refusals, too_large
from smp.export.stepfunctions.scope import in_order
from smp.export.workflow import read_workflow


def render_state_machine(compiled: CompiledPipeline) -> Json:
    """Return the definition of the state machine that runs a pipeline.

    Raises ExportError with all that a state machine cannot express.
    """
    workflow = read_workflow(_named(compiled))
    refuse(compiled.name, find_refusals(workflow))
    start, states = render_states(workflow, compiled.max_parallel_steps)
    states = {**parameter_states(workflow.parameters, start), **states}
    machine = {
        "Comment": compiled.description or f"Runs the pipeline {compiled.name}",
        "QueryLanguage": "JSONata",
        "StartAt": CHECK,
        "States": in_order(CHECK, states),
    }
    refuse(compiled.name, too_large(machine))
    return machine


def _named(compiled: CompiledPipeline) -> CompiledPipeline:
    """Return a pipeline with its name where its steps ask for it: a state machine's may be another."""

    def put(value: Any) -> Any:
        if value == {"Get": "Execution.PipelineName"}:
            return compiled.name
        if isinstance(value, dict):
            return {key: put(item) for key, item in value.items()}
        return [put(item) for item in value] if isinstance(value, list) else value

    return replace(compiled, definition=put(compiled.definition))


def state_machine_text(machine: Json) -> str:
    """Return a state machine as a person reads it, the same bytes for the same pipeline."""
    return json.dumps(machine, indent=2, ensure_ascii=False) + "\n"
