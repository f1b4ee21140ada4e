"""ForEach: the items of a loop, and what its iterations are compared by."""

from __future__ import annotations

from smp.config.steps.for_each import ForEachStep
from smp.config.steps.function import ExternalStep
from smp.config.values.condition import FINAL_METRICS, PARAMETERS, Reference
from smp.config.values.message import message_parts
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, InLoop, StepClass
from smp.graph.step_classes.references import check_references

NUMBERS = ("Integer", "Float")


def _check(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    config = step.config
    assert isinstance(config, ForEachStep)
    _check_selector(findings, step, config)
    if not isinstance(config.items, str):
        return {}
    (read,) = message_parts(config.items)
    assert isinstance(read, Reference)
    if read.kind == PARAMETERS:
        return {}
    steps = check_references(findings, step, ("items",), [read])
    for name in steps:
        kind = findings.config_of(name).typed_outputs.get(read.path)
        if kind is not None and kind != "String":
            findings.report_step(
                config,
                f"'{read}' is of type {kind}, and items are a text that holds a list as JSON",
                "items",
                allowed="an output of type String",
            )
    return {"reports": tuple((name, name) for name in steps)}


def _check_selector(findings: Findings, step: DeclaredStep, config: ForEachStep) -> None:
    compared = config.selected
    if compared is None:
        return
    place = ("selector", "field")
    if compared.owner not in config.steps:
        model, index = findings.places[config.step_name]
        findings.report(
            f"compares '{compared}', and '{compared.owner}' is not a step of this loop",
            *("models", model, "steps", index, *place),
            allowed=", ".join(config.steps),
        )
        return
    check_references(findings, step, place, [compared])
    source = findings.steps.get(compared.owner)
    if source is None or compared.kind == FINAL_METRICS:
        return
    kind = source.config.typed_outputs.get(compared.path)
    if isinstance(source.config, ExternalStep) and kind is not None and kind not in NUMBERS:
        model, index = findings.places[config.step_name]
        findings.report(
            f"compares '{compared}', which is of type {kind}",
            *("models", model, "steps", index, *place),
            allowed="a number",
        )


FOR_EACH = StepClass(
    config=ForEachStep,
    renderer="for_each.render_for_each",
    becomes="ForEach",
    check=_check,
    takes_chains=False,
    in_loop=InLoop.UNSUPPORTED,
)
