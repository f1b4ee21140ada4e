"""Candidate against approved version, as compiled and as decided here, whichever way is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.evaluate import Scope
from smp.graph import build_graph
from smp.local.engine.conditions import holds
from tests.graph.workspace import load, pipeline_of

STEPS = """\
prep: Processing
fit: Training
serve: CreateModel
predict: Transform, chain_input_source_step: prep
report: Metrics, chain_input_source_step: predict
approved: ApprovedModel, model: demo, when_none: continue
gate: Condition, condition: '{condition}', if_steps: keep
keep: RegisterModel
"""
NONE = {"ModelPackageArn": "", "ModelPackageVersion": 0, "Exists": False, "Metric1": 0.0}


def decided(workspace: Path, condition: str, candidate: float, approved: float | None) -> bool:
    """Return whether the gate lets a candidate through; None: nothing was approved yet."""
    text = pipeline_of(STEPS.format(condition=condition))
    compiled = compile_pipeline(build_graph(load(workspace, text), "demo"), workspace / "store")
    (gate,) = (step for step in compiled.steps() if step["Name"] == "gate")
    found: dict[str, Any] = {"Exists": True, "ModelPackageVersion": 3, "Metric1": approved}
    scope = Scope({}, {}, {"approved": {"OutputParameters": NONE if approved is None else found}})
    scope.read_json = lambda *_: {"score": candidate}
    return all(holds(one, scope) for one in gate["Arguments"]["Conditions"])


@pytest.mark.parametrize(
    ("condition", "candidate", "approved", "passes"),
    [
        ("report.metrics.score >= approved.metrics.score", 0.85, 0.84, True),
        ("report.metrics.score >= approved.metrics.score", 0.83, 0.84, False),
        ("report.metrics.score >= approved.metrics.score", -3.0, None, True),
        ("report.metrics.score <= approved.metrics.score", 0.83, 0.84, True),
        ("report.metrics.score <= approved.metrics.score", 0.85, 0.84, False),
        ("report.metrics.score <= approved.metrics.score", 99.0, None, True),
        ("not report.metrics.score < approved.metrics.score", 0.83, 0.84, False),
        ("not report.metrics.score < approved.metrics.score", -3.0, None, True),
        (
            "report.metrics.score >= approved.metrics.score and report.metrics.score >= 0.8",
            *(0.5, None, False),
        ),
        (
            "approved.outputs.Exists == true and report.metrics.score < approved.metrics.score",
            *(0.5, None, False),
        ),
        (
            "approved.outputs.Exists == true and report.metrics.score < approved.metrics.score",
            *(0.5, 0.8, True),
        ),
    ],
)
def test_a_candidate_is_compared_and_the_first_one_passes(
    condition: str, candidate: float, approved: float | None, passes: bool, tmp_path: Path
) -> None:
    assert decided(tmp_path, condition, candidate, approved) is passes
