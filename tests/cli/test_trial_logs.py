"""`smp logs` of a tuning step: the log of one training job, or which there are."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.local.show.commands import trial_command
from smp.local.store.places import Places
from smp.local.store.run_store import Run, RunStore
from tests.cli.conftest import RunSmp


def make_run(workspace: Path, *trials: str) -> Run:
    """Write a run with a tuning step that has the given training jobs, and a step without any."""
    places = Places(workspace / ".smp")
    compiled = CompiledPipeline("churn", {"Steps": []}, (), places.code)
    run = RunStore(places.runs).create(compiled, ("tune", "train"), {}, {})
    for step in ("tune", "train"):
        run.log_path(step).parent.mkdir(parents=True)
        run.log_path(step).write_text(f"log of {step}\n")
    for name in trials:
        file = run.step_directory("tune") / "trials" / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"log of {name}\n")
    return run


def test_a_trial_is_named_by_a_part_of_its_name(run_smp: RunSmp, tmp_path: Path) -> None:
    make_run(tmp_path, "tune-1-001-aa", "tune-1-002-bb")
    for name in ("tune-1-002-bb", "002-", "bb"):
        done = run_smp("logs", "last", "tune", "--trial", name, "--workspace", tmp_path)
        assert (done.status, done.out) == (0, "log of tune-1-002-bb\n")


def test_trials_are_listed_where_none_is_named(run_smp: RunSmp, tmp_path: Path) -> None:
    run = make_run(tmp_path, "tune-1-002-bb", "tune-1-001-aa")
    listed = run_smp("logs", "last", "tune", "--workspace", tmp_path, "--trial")
    assert (listed.status, listed.out) == (0, "tune-1-001-aa\ntune-1-002-bb\n")

    whole = run_smp("logs", "last", "tune", "--workspace", tmp_path)
    assert whole.out == "log of tune\n"
    assert whole.err == (
        f"its 2 trials have their own logs: smp logs {run.id} tune --trial [NAME]\n"
    )


def test_the_command_on_a_failed_search_leads_to_its_trials(
    run_smp: RunSmp, tmp_path: Path
) -> None:
    run = make_run(tmp_path, "tune-1-001-aa", "tune-1-002-bb")
    record = replace(run.record(), options={"where": ["--workspace", str(tmp_path)]})
    command = shlex.split(trial_command(record, "tune"))[1:]
    listed = run_smp(*command)
    assert (listed.status, listed.out) == (0, "tune-1-001-aa\ntune-1-002-bb\n")
    assert run_smp(*command, "001").out == "log of tune-1-001-aa\n"


def test_the_only_trial_needs_no_name(run_smp: RunSmp, tmp_path: Path) -> None:
    make_run(tmp_path, "tune-1-001-aa")
    done = run_smp("logs", "last", "tune", "--workspace", tmp_path, "--trial")
    assert done.out == "log of tune-1-001-aa\n"


@pytest.mark.parametrize(
    ("step", "trial", "reason"),
    [
        ("tune", "-00", "'-00' is a part of several names\n    allowed: a-001-x, a-002-y"),
        ("tune", "zz", "'zz' is not a trial\n    allowed: a-001-x, a-002-y"),
        ("train", "zz", "step 'train' of run {run} has no trials"),
        ("other", "zz", "run {run} has no step 'other'"),
    ],
)
def test_fails_with_the_names_there_are(
    run_smp: RunSmp, tmp_path: Path, step: str, trial: str, reason: str
) -> None:
    run = make_run(tmp_path, "a-001-x", "a-002-y")
    done = run_smp("logs", "last", step, "--trial", trial, "--workspace", tmp_path)
    assert done.status == 1
    assert reason.format(run=run.id) in done.err
