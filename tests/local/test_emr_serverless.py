"""EMR Serverless is not on this machine: its steps are refused, and those after them run without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.errors import RunError
from smp.local.engine.plan import plan_run
from tests.compiler.compiling import compile_demo

STEPS = (
    "job: EMRServerless, application_id: 00f1, execution_role: spark, "
    "spark: {entry_point: preprocess.py}\n"
    "prep: Processing\nfit: Training, chain_input_source_step: prep"
)


def test_fails_for_a_job_on_emr_before_a_local_run_starts(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, "[job >> prep]")
    with pytest.raises(RunError) as caught:
        plan_run(compiled)
    assert str(caught.value) == (
        "step job of demo is of type EMRServerless, which does not run here\n"
        "    hint: put what it would write into the local bucket (smp s3 put), then run the steps "
        "after it with --from"
    )


def test_the_steps_after_a_job_on_emr_run_without_a_result_of_it(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, "[job >> prep]")
    plan = plan_run(compiled, start="prep")
    assert plan.run == ("prep", "fit")
    assert plan.reuse == ()
    assert plan.upstream == {"job": (), "prep": (), "fit": ("prep",)}


def test_a_step_that_another_reads_is_still_needed(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, STEPS, "[job >> prep]")
    assert plan_run(compiled, only="fit").reuse == ("prep",)
