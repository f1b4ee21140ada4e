"""What a review says of loops and of jobs on EMR Serverless: settings by name, counts, what runs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.picture.dag import read_dag
from smp.picture.svg_picture import render_svg
from smp.review.diff.bounds import compare_bounds
from smp.review.diff.changes import Change, Outcome, Section
from smp.review.diff.forecast import UNDOCUMENTED, forecast
from smp.review.diff.steps import step_changes
from smp.review.listing import render_steps
from tests.compiler.compiling import compile_demo

LOOP = "each: ForEach, items: [1, 2, 3], max_concurrency: 2, steps: [prep]\n"
PREP = "prep: Processing, enable_cache: true"
SECTION = (
    "{{image_uri: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1, entry_point: preprocess.py, "
    "max_runtime_seconds: 3600, env: {{I: '{value}'}}}}"
)


def looping(workspace: Path, loop: str = LOOP, value: str = "${item}") -> CompiledPipeline:
    return compile_demo(workspace, loop + PREP, demo__preprocess=SECTION.format(value=value))


def changes_of(before: CompiledPipeline, after: CompiledPipeline, step: str) -> tuple[Change, ...]:
    return next(found.changes for found in step_changes(before, after) if found.name == step)


def test_other_items_are_a_change_of_the_loop(tmp_path: Path) -> None:
    before, after = looping(tmp_path), looping(tmp_path, LOOP.replace("[1, 2, 3]", "[1, 2, 4]"))
    (changed,) = changes_of(before, after, "each")
    assert (changed.section, changed.before, changed.after) == (
        Section.INPUTS,
        [1, 2, 3],
        [1, 2, 4],
    )
    assert [found.name for found in step_changes(before, after)] == ["each"]


def test_a_step_that_goes_into_a_loop_moves(tmp_path: Path) -> None:
    before = compile_demo(tmp_path, PREP, demo__preprocess=SECTION.format(value="1"))
    after = looping(tmp_path, value="1")
    places = [one for one in changes_of(before, after, "prep") if one.section is Section.PLACE]
    assert [one.after for one in places] == ["ForEachBody of each"]


def test_a_step_of_a_loop_counts_once_for_each_item(tmp_path: Path) -> None:
    (bound,) = compare_bounds(None, looping(tmp_path), None).after
    assert bound.hours == 3.0


def test_how_often_a_step_runs_may_be_unknown(tmp_path: Path) -> None:
    loop = (
        "list: Lambda, function: f, outputs: {names: String}\n"
        "each: ForEach, items: '${list.outputs.names}', max_concurrency: 2, steps: [prep]\n"
    )
    (bound,) = compare_bounds(None, looping(tmp_path, loop), None).after
    assert bound.hours is None
    assert bound.notes[-1] == "once for each item of each, which an execution knows"


@pytest.mark.parametrize(
    ("items", "outcome", "reasons"),
    [
        (
            "[1, 2, 3]",
            "HITS",
            ("unless the result is older than 10d", "once for each item of each"),
        ),
        ("[1, 9]", "MAY_RUN", ("the items of each may be others", "once for each item of each")),
    ],
)
def test_iterations_run_again_where_items_are_others(
    tmp_path: Path, items: str, outcome: str, reasons: tuple[str, ...]
) -> None:
    before, after = looping(tmp_path), looping(tmp_path, LOOP.replace("[1, 2, 3]", items))
    (found,) = [one for one in forecast(before, after) if one.step == "prep"]
    assert (found.outcome.name, found.reasons) == (outcome, reasons)


def test_the_picture_has_the_loop_before_its_steps(tmp_path: Path) -> None:
    dag = read_dag(looping(tmp_path))
    assert [(step.name, step.type) for step in dag.steps] == [
        ("each", "ForEach"),
        ("prep", "Processing"),
    ]
    assert [(edge.source, edge.target, edge.decides) for edge in dag.edges] == [
        ("each", "prep", "for each")
    ]
    assert dag.steps[0].repeats == "3 items, 2 at once"
    assert "3 items, 2 at once" in render_svg(dag)
    assert "3 items, 2 at once" in render_steps(looping(tmp_path))


def test_settings_of_a_job_on_emr_serverless_have_names(tmp_path: Path) -> None:
    job = (
        "job: EMRServerless, application_id: 00f1, execution_role: {role}, "
        "spark: {{entry_point: preprocess.py, arguments: ['{day}']}}, "
        "execution_timeout_minutes: {minutes}"
    )
    before = compile_demo(tmp_path, job.format(role="a", day="1", minutes=60))
    after = compile_demo(tmp_path, job.format(role="b", day="2", minutes=90))
    found = {(one.section, one.name): one.after for one in changes_of(before, after, "job")}
    role = "arn:${smp:partition}:iam::${smp:account_id}:role/b"
    assert found == {
        (Section.ROLE, "ExecutionRoleArn"): role,
        (Section.ROLE, "executionRoleArn"): role,
        (Section.COMMAND, "sparkSubmit.entryPointArguments"): ["2"],
        (Section.INSTANCES, "executionTimeoutMinutes"): 90,
    }


def test_whether_a_cached_job_on_emr_serverless_runs_is_not_known(tmp_path: Path) -> None:
    job = (
        "job: EMRServerless, application_id: 00f1, execution_role: spark, enable_cache: {cached}, "
        "spark: {{entry_point: preprocess.py}}"
    )
    compiled = compile_demo(tmp_path, job.format(cached="true"))
    (found,) = forecast(compiled, compiled)
    assert (found.outcome, found.reasons) == (Outcome.MAY_RUN, (UNDOCUMENTED,))
    compiled = compile_demo(tmp_path, job.format(cached="false"))
    (found,) = forecast(compiled, compiled)
    assert found.outcome is Outcome.RUNS
