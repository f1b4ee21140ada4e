"""Step Functions as an engine: the state machine, executed by the emulator."""

from __future__ import annotations

from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import CALLS as SERVICE_CALLS
from smp.definition.step_types import row_of
from tests.export.emulated_states import Call, Plan
from tests.export.engines.ran import Ran, Story, without_names
from tests.export.step_functions import Engine, Execution

CALLS = {call.operation[0].lower() + call.operation[1:]: call for call in SERVICE_CALLS}

JOB_FAULT = "AlgorithmError: it went wrong"
REFUSED = "!SageMaker.ValidationException: it was refused"


def run_as_state_machine(compiled: CompiledPipeline, story: Story, engine: Engine) -> Ran:
    """Run a pipeline as a state machine."""
    for step, report in story.reports.items():
        engine.put(story.place(step, engine.next_id()), report)
    metrics = {step: {"FinalMetricDataList": story.final_metrics(step)} for step in story.metrics}
    ends: dict[str, list[str | None]] = {
        step["Name"]: [JOB_FAULT if (call := row_of(step).call) and call.is_job else REFUSED]
        for step in compiled.steps()
        if step["Name"] in story.failing
    }
    plan = Plan(ends=ends, answers=metrics, outputs=dict(story.outputs))
    done = engine.run(compiled, plan, dict(story.parameters))
    assert done.status in ("SUCCEEDED", "FAILED")
    assert done.error in ("", "StepFailed") or done.error in _fail_steps(compiled), (
        done.cause,
        plan.faults,
    )
    made = {call.state: call for call in done.calls if call.action in CALLS}
    names = {step: name for step, call in made.items() if (name := _name(call))}
    return Ran(
        done.status == "SUCCEEDED",
        without_names({step: call.request for step, call in made.items()}, names, done.id),
        _outcomes(compiled, done),
        {step: (call.began, call.ended) for step, call in made.items()},
    )


def _name(call: Call) -> str | None:
    member = CALLS[call.action].name_member
    return call.request[member] if member else None


def _fail_steps(compiled: CompiledPipeline) -> set[str]:
    return {step["Name"] for step in compiled.steps() if step["Type"] == "Fail"}


def _outcomes(compiled: CompiledPipeline, done: Execution) -> dict[str, bool]:
    """Return what conditions came to, of the last state that was entered."""
    conditions = {step["Name"] for step in compiled.steps() if step["Type"] == "Condition"}
    found: dict[str, Any] = {}
    for entered in done.inputs:
        for name in conditions & entered.keys():
            found[name] = entered[name].get("Outcome", found.get(name))
    return {name: outcome for name, outcome in found.items() if outcome is not None}
