"""ApprovedModel: the version of a model package group that later steps use."""

from __future__ import annotations

from smp.config.steps.approved_model import ApprovedModelStep
from smp.graph.findings import DeclaredStep, Findings
from smp.graph.nodes import ChainedInput
from smp.graph.package_sources import check_source, find_source
from smp.graph.step_classes.base import Implied, InLoop, StepClass


def _check(findings: Findings, step: DeclaredStep, _: tuple[ChainedInput, ...]) -> Implied:
    assert isinstance(step.config, ApprovedModelStep)
    check_source(findings, step.config)
    return {"packages": find_source(findings, step.config)}


APPROVED_MODEL = StepClass(
    config=ApprovedModelStep,
    renderer="approved_model.render_approved_model",
    becomes="ApprovedModel",
    check=_check,
    takes_chains=False,
    in_loop=InLoop.NOT_ALLOWED,
)
