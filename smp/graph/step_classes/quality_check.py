"""QualityCheck: data, or a model's predictions, against a baseline."""

from __future__ import annotations

from smp.graph.step_classes.base import StepClass
from smp.graph.step_classes.baseline_check import check_against_baseline

QUALITY_CHECK = StepClass(None, check_against_baseline)
