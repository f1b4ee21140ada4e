"""ClarifyCheck: bias and explanations against a baseline, and the model that is asked for them."""

from __future__ import annotations

from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, InLoop, StepClass
from smp.graph.step_classes.baseline_check import check_against_baseline


def _check(findings: Findings, step: DeclaredStep, chained: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, ClarifyCheckStep)
    check_against_baseline(findings, step, chained)
    if not step.config.asks_model:
        return {}
    model = findings.last_before(step.config, step.model, "CreateModel")
    if model is None:
        findings.report_step(
            step.config,
            f"asks a model, and model '{step.model.name}' has no CreateModel step in this pipeline",
            "check",
            found=step.config.check,
            allowed="a CreateModel step of the same model, or check: data_bias",
        )
    return {"create_model": model}


CLARIFY_CHECK = StepClass(
    config=ClarifyCheckStep,
    renderer="clarify_check.render_clarify_check",
    becomes="ClarifyCheck",
    check=_check,
    cacheable=True,
    in_loop=InLoop.NOT_ALLOWED,
)
