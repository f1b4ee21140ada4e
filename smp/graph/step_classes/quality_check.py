"""QualityCheck: data, or a model's predictions, against a baseline."""

from __future__ import annotations

from smp.config.steps.quality_check import QualityCheckStep
from smp.graph.step_classes.base import InLoop, StepClass
from smp.graph.step_classes.baseline_check import check_against_baseline

QUALITY_CHECK = StepClass(
    config=QualityCheckStep,
    renderer="quality_check.render_quality_check",
    becomes="QualityCheck",
    check=check_against_baseline,
    cacheable=True,
    in_loop=InLoop.NOT_ALLOWED,
)
