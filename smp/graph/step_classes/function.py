"""Lambda and Callback: what they hand over, and what runs for them on this machine."""

from __future__ import annotations

from smp.config.read.scripts import script_faults
from smp.config.steps.function import CallbackStep, ExternalStep, LambdaStep
from smp.config.values.condition import Reference
from smp.config.values.message import message_parts
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass
from smp.graph.step_classes.references import check_references

STAND_IN = "local_stand_in"


def _check(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, ExternalStep)
    steps: list[str] = []
    for name, value in step.config.inputs.items():
        if isinstance(value, str):
            read = [part for part in message_parts(value) if isinstance(part, Reference)]
            steps += check_references(findings, step, ("inputs", name), read)
    check_stand_in(findings, step, step.config.local_stand_in)
    return {"reports": tuple((name, name) for name in dict.fromkeys(steps))}


def check_stand_in(findings: Findings, step: DeclaredStep, script: str | None) -> None:
    """Report a script that a step names to run in its place, and that is not there."""
    if script is None:
        return
    model = step.model
    for found in script_faults(
        (step.config.step_name, STAND_IN), script, model.source_directory, model.directory
    ):
        findings.report_step(
            step.config,
            found.reason,
            STAND_IN,
            found=found.found,
            allowed=found.allowed,
            hint=found.hint,
        )


LAMBDA = StepClass(
    config=LambdaStep,
    renderer="function.render_lambda",
    becomes="Lambda",
    check=_check,
    cacheable=True,
    takes_chains=False,
)
CALLBACK = StepClass(
    config=CallbackStep,
    renderer="function.render_callback",
    becomes="Callback",
    check=_check,
    cacheable=True,
    takes_chains=False,
)
