"""What a review shows of steps that hand work over: every input by the author's own name, and the rest."""

from __future__ import annotations

from pathlib import Path

from smp.review.diff.changes import Section
from smp.review.diff.compare import compare_pipelines
from tests.compiler.compiling import compile_demo


def test_inputs_outputs_and_targets_of_functions_and_queues(tmp_path: Path) -> None:
    before = compile_demo(
        tmp_path / "before",
        "ask: Lambda, function: f, inputs: {DataSource: a, Image: 1}, outputs: {n: Integer}\n"
        "wait: Callback, queue: q",
    )
    after = compile_demo(
        tmp_path / "after",
        "ask: Lambda, function: g, inputs: {DataSource: b, Image: 2, New: 3}, outputs: {n: Float}\n"
        "wait: Callback, queue: other",
    )
    change = compare_pipelines(before, after)
    assert change is not None
    shown = {(step.name, c.section, c.name) for step in change.steps for c in step.changes}
    assert shown == {
        ("ask", Section.INPUTS, "DataSource"),
        ("ask", Section.INPUTS, "Image"),
        ("ask", Section.INPUTS, "New"),
        ("ask", Section.OUTPUTS, "n.OutputType"),
        ("ask", Section.OTHER, "FunctionArn"),
        ("wait", Section.OTHER, "SqsQueueUrl"),
    }
    assert {item.sid for item in change.permissions} == {"CallFunctions", "AskQueues"}


def test_a_check_s_switches_and_baseline(tmp_path: Path) -> None:
    check = "check: QualityCheck, check: data_quality, baseline_dataset: 's3://data/x'"
    before = compile_demo(tmp_path / "before", check)
    after = compile_demo(
        tmp_path / "after", f"{check}, skip_check: true, supplied_baseline_statistics: 's3://old/x'"
    )
    change = compare_pipelines(before, after)
    assert change is not None
    (step,) = change.steps
    assert {(c.section, c.name) for c in step.changes} == {
        (Section.INPUTS, "SuppliedBaselineStatistics"),
        (Section.OTHER, "SkipCheck"),
    }
