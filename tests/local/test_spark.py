"""Spark is not on this machine: its steps are refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.errors import RunError
from smp.local.engine.plan import plan_run
from smp.local.engine.preflight import refuse_images
from tests.compiler.test_spark import compiled_with


def test_a_step_on_spark_fails_before_a_local_run_without_images_starts(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path)
    plan = plan_run(compiled)
    with pytest.raises(RunError, match="step prep of demo is submitted to Spark"):
        refuse_images(compiled, plan, runs_images=False)
    refuse_images(compiled, plan, runs_images=True)
