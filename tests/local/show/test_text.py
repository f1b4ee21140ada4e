"""Runs as text and JSON: the list, one run, and what differs between two."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline
from smp.local.report import render_report
from smp.local.show.compare import compare_runs, comparison
from smp.local.show.results import outcome_summary
from smp.local.show.text import run_fields, runs_fields, runs_table, show_fields, show_run
from smp.local.store.places import Places
from smp.local.store.run_store import RunStore, StepRecord
from tests.local.example_runs import (
    Example,
    failed_churn,
    pipeline,
    running_forty,
    step,
    succeeded_churn,
)
from tests.local.pipelines import Workspace, condition, fail, greater, processing, step_of

DEFINED: tuple[tuple[str, str], ...] = (
    ("churn-training", "Training"),
    ("churn-create-model-CreateModel", "Model"),
    ("churn-transform", "Transform"),
    ("churn-metrics", "Processing"),
    ("churn-register-RegisterModel", "RegisterModel"),
)
REPORT = {
    "PropertyFileName": "EvaluationReport",
    "OutputName": "model_evaluation_metrics",
    "FilePath": "model_evaluation_metrics.json",
}


def churn(code: str = "a", rounds: str = "400") -> CompiledPipeline:
    """The churn example's steps with one code tree."""
    steps = [step(name, kind) for name, kind in DEFINED]
    steps[3]["PropertyFiles"] = [REPORT]
    training: dict[str, Any] = steps[0]["Arguments"]
    training["HyperParameters"] = {"num_boost_round": rounds}
    uri = f"s3://${{smp:bucket}}/code/{code * 64}"
    channel = {"ChannelName": "code", "DataSource": {"S3DataSource": {"S3Uri": uri}}}
    training["InputDataConfig"] = [channel]
    files = (CodeFile("train.py", 10, code * 64), CodeFile("evaluate.py", 9, "e" * 64))
    tree = CodeTree(code * 64, files, "churn/scripts")
    return replace(pipeline("churn-lightgbm", *steps), code=(tree,))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / ".smp")


@pytest.fixture
def succeeded(places: Places) -> Example:
    return succeeded_churn(places, churn())


@pytest.fixture
def failed(places: Places) -> Example:
    return failed_churn(places, churn())


def test_the_list_has_a_line_per_run(succeeded: Example, failed: Example) -> None:
    head, *lines = runs_table([failed.run, succeeded.run]).splitlines()
    assert head.split() == ["run", "pipeline", "status", "started", "took", "steps"]
    assert lines == [
        f"  {failed.run.id}  churn-lightgbm  Failed     2026-03-01 14:05:09  44.8 s  "
        "1 failed, 2 succeeded, 2 skipped",
        f"  {succeeded.run.id}  churn-lightgbm  Succeeded  2026-03-01 14:05:09  53.3 s  "
        "4 succeeded, 1 reused",
    ]


def test_an_empty_list_says_how_to_begin(places: Places) -> None:
    assert runs_table(RunStore(places.runs).all()) == (
        "there are no runs yet; start one with: smp run PIPELINE\n"
    )


def test_a_run_as_values_has_id_pipeline_and_status(succeeded: Example) -> None:
    (fields,) = json.loads(json.dumps(runs_fields([succeeded.run])))
    assert fields == {
        "id": succeeded.run.id,
        "pipeline": "churn-lightgbm",
        "status": "Succeeded",
        "started": "2026-03-01T14:05:09Z",
        "ended": "2026-03-01T14:06:02Z",
        "seconds": 53.3,
        "steps": {"Succeeded": 4, "Reused": 1},
        "reason": None,
    }


def test_a_run_is_shown_with_metrics_artifacts_and_version(succeeded: Example) -> None:
    text = show_run(succeeded.run, succeeded.places)
    for shown in (
        "parameter learning_rate  0.05",
        "from run 20260228-101500-0a1b2c",
        "ran: changed since its latest success: HyperParameters",
        "churn-metrics   auc",
        "0.84527",
        "200 kB",
        "registered churn-lightgbm version 3 (PendingManualApproval)",
    ):
        assert shown in text, shown


def test_a_run_as_values_says_all_that_the_text_says(succeeded: Example) -> None:
    fields = json.loads(json.dumps(show_fields(succeeded.run, succeeded.places)))
    assert fields["metrics"]["churn-metrics"]["auc"] == 0.845274
    assert fields["metrics"]["churn-training"]["valid_auc"] == pytest.approx(0.845, abs=1e-3)
    assert fields["registered"] == [
        {
            "step": "churn-register-RegisterModel",
            "group": "churn-lightgbm",
            "version": "3",
            "approval": "PendingManualApproval",
        }
    ]
    assert fields["step_records"][2]["state"] == "Reused"
    assert all(Path(item["path"]).exists() for item in fields["artifacts"])


def test_a_failed_run_says_what_to_do_first(failed: Example) -> None:
    text = show_run(failed.run, failed.places)
    assert text.index("churn-transform failed: AlgorithmError") < text.index("  step ")
    assert str(failed.run.log_path("churn-transform")) in text
    assert "run again           smp run churn-lightgbm\n" in text
    assert "--resume" not in text
    assert "smp run churn-lightgbm --only churn-transform" in text


def test_a_run_in_the_middle_counts_what_waits(places: Places) -> None:
    counts = run_fields(running_forty(places).run)["steps"]
    assert counts["Waiting"] == 26
    assert sum(counts.values()) == 40


def test_equal_runs_have_no_difference_but_their_ids(places: Places) -> None:
    first, second = (succeeded_churn(places, churn()) for _ in range(2))
    fields = comparison(first.run, second.run, places)
    assert fields["parameters"] == fields["code"] == fields["definition"] == []
    assert {item["difference"] for item in fields["metrics"]} == {0.0}


def test_a_comparison_names_what_changed(places: Places) -> None:
    before = succeeded_churn(places, churn()).run
    after = succeeded_churn(places, churn("b", "800"), auc=0.86).run
    after.write(replace(after.record(), parameters={"learning_rate": 0.1}))
    fields = json.loads(json.dumps(comparison(before, after, places)))
    assert fields["parameters"] == [{"name": "learning_rate", "before": 0.05, "after": 0.1}]
    assert fields["code"] == [
        {
            "name": "churn/scripts",
            "before": ["a" * 64],
            "after": ["b" * 64],
            "files": [{"name": "train.py", "before": "a" * 64, "after": "b" * 64}],
        }
    ]
    assert fields["definition"] == [
        {
            "step": "churn-training",
            "name": "Arguments.HyperParameters.num_boost_round",
            "before": "400",
            "after": "800",
        }
    ]
    auc = next(item for item in fields["metrics"] if item["name"] == "valid_auc")
    assert auc["difference"] == pytest.approx(0.0147, abs=1e-6)
    text = compare_runs(before, after, places)
    for shown in ("train.py", "aaaaaaaaaaaa  bbbbbbbbbbbb", "num_boost_round", "+0.0147"):
        assert shown in text, shown


def test_a_step_that_only_one_run_has_is_named(places: Places) -> None:
    before = succeeded_churn(places, churn()).run
    compiled = churn()
    smaller = pipeline("churn-lightgbm", *list(compiled.steps())[:-1])
    after = succeeded_churn(places, replace(smaller, code=compiled.code)).run
    (change,) = comparison(before, after, places)["definition"]
    assert change["step"] == "churn-register-RegisterModel"
    assert change["after"] is None


def test_what_a_gate_decided_is_said_with_what_it_left_out(workspace: Workspace) -> None:
    gate = condition("gate", [greater(2, 1)], yes=[processing("keep")], no=[fail("refuse", "no")])
    run = workspace.run(workspace.pipeline(gate))

    said = {line.split()[0]: line for line in show_run(run, workspace.places).splitlines() if line}
    assert said["gate"].endswith("  the condition holds")
    assert said["refuse"].endswith("  gate took the other branch")
    report = render_report(run, run.compiled(workspace.places.code), workspace.places)
    assert "Succeeded · holds · " in report


def test_a_fail_step_has_no_log_and_is_not_run_alone(workspace: Workspace) -> None:
    gate = condition("gate", [greater(1, 2)], yes=[processing("keep")], no=[fail("refuse", "no")])
    run = workspace.run(workspace.pipeline(gate))

    text = show_run(run, workspace.places)
    assert "refuse failed: no" in text
    assert "smp run test-pipeline\n" in text
    assert "--only" not in text
    assert "its log" not in text


HOSTILE = "\x1b]0;owned\x07\x1b[31mred\x1b[0m\rover\x9b2J"


def test_no_code_of_a_job_reaches_the_terminal(workspace: Workspace) -> None:
    script = (
        f"open('/opt/ml/output/message', 'w').write({HOSTILE!r} + '\\nsecond'); raise SystemExit(1)"
    )
    declared = {"Name": "Text", "Type": "String", "DefaultValue": ""}
    step = workspace.processing("bad", script)
    run = workspace.run(workspace.pipeline(step, parameters=[declared]), {"Text": HOSTILE})

    reason = step_of(run, "bad").reason
    assert reason is not None
    assert "\\u001b[31m" in reason
    text = show_run(run, workspace.places)
    assert "second\n" in text
    assert "parameter Text  red over\ufffd2J\n" in text
    other = workspace.run(workspace.pipeline(step, parameters=[declared]), {"Text": "plain"})
    for shown in (text, compare_runs(run, other, workspace.places)):
        assert not set(shown) & {"\x1b", "\x07", "\r", "\x9b"}


def test_a_parameter_is_shown_as_the_option_takes_it(places: Places) -> None:
    before, after = (succeeded_churn(places, churn()).run for _ in range(2))
    before.write(replace(before.record(), parameters={"flag": False, "text": "False"}))
    after.write(replace(after.record(), parameters={"flag": True, "text": "False"}))

    text = show_run(before, places)
    assert "parameter flag  false\n" in text
    assert "parameter text  False\n" in text
    assert "  flag  false   true\n" in compare_runs(before, after, places)


def test_a_search_says_how_many_trials_it_chose_from() -> None:
    trials = [{"TrainingJobName": name, "TrainingJobStatus": "Completed"} for name in "ab"]
    result = {"TrainingJobSummaries": trials, "BestTrainingJob": trials[1]}
    record = StepRecord("search", "Tuning", "Succeeded", 1.0, 2.0, result=result)

    assert outcome_summary(record) == "best of 2 trials"
    assert outcome_summary(replace(record, status="Failed")) == ""
