"""DeleteModel: which model is deleted, and the steps that have to use it before."""

from __future__ import annotations

from collections.abc import Iterator

from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.config.steps.delete_model import DeleteModelStep
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.step_classes.base import Implied, StepClass


def _check(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    model = findings.last_before(step.config, step.model, "CreateModel")
    if model is None:
        findings.report_step(
            step.config,
            f"deletes a model, and model '{step.model.name}' has no CreateModel step in this pipeline",
            allowed="a CreateModel step of the same model",
        )
        return {}
    users = findings.regular(step.config, list(_users(findings, step, model)))
    return {"create_model": model, "reports": tuple((name, name) for name in users)}


def _users(findings: Findings, step: DeclaredStep, model: str) -> Iterator[str]:
    """Yield the steps that use the model: it is deleted after the last of them."""
    for name in findings.steps_of(step.model, "Transform", "ClarifyCheck"):
        config = findings.config_of(name)
        uses = not isinstance(config, ClarifyCheckStep) or config.asks_model
        if uses and findings.last_before(config, step.model, "CreateModel") == model:
            yield name


DELETE_MODEL = StepClass(
    config=DeleteModelStep,
    renderer="delete_model.render_delete_model",
    becomes="DeleteModel",
    check=_check,
    takes_chains=False,
)
