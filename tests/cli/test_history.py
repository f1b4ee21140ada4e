"""The commands that look back at runs and models: runs, show, compare, report, logs, models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from smp.cli.entry import OUTPUT_CLOSED
from smp.local.store.model_registry import Registry
from smp.local.store.places import Places
from smp.local.store.run_store import Run
from tests.cli.conftest import RunSmp
from tests.local.example_runs import Example, failed_churn, pipeline, step, succeeded_churn

STEPS = (
    ("churn-training", "Training"),
    ("churn-create-model-CreateModel", "Model"),
    ("churn-transform", "Transform"),
    ("churn-metrics", "Processing"),
    ("churn-register-RegisterModel", "RegisterModel"),
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / ".smp")


@pytest.fixture
def runs(places: Places) -> tuple[Example, Example]:
    """A run that succeeded and a later one that failed."""
    churn = pipeline("churn-lightgbm", *(step(name, kind) for name, kind in STEPS))
    first, second = succeeded_churn(places, churn), failed_churn(places, churn)
    second.run.write(replace(second.run.record(), started=first.run.record().started + 60))
    return first, second


def test_runs_as_json_have_id_pipeline_and_status(
    run_smp: RunSmp, runs: tuple[Example, Example], tmp_path: Path
) -> None:
    done = run_smp("runs", "--format", "json", "--workspace", tmp_path)
    listed = {item["id"]: item for item in json.loads(done.out)}
    assert {example.run.id for example in runs} == set(listed)
    assert {item["pipeline"] for item in listed.values()} == {"churn-lightgbm"}
    assert {item["status"] for item in listed.values()} == {"Succeeded", "Failed"}


def test_runs_of_an_empty_workspace_say_how_to_begin(run_smp: RunSmp, tmp_path: Path) -> None:
    done = run_smp("runs", "--workspace", tmp_path)
    assert done.status == 0
    assert "smp run" in done.out


@pytest.mark.parametrize("command", [("show",), ("compare", "last"), ("report",)])
def test_fails_on_an_unknown_run_with_those_there_are(
    run_smp: RunSmp, runs: tuple[Example, Example], tmp_path: Path, command: tuple[str, ...]
) -> None:
    name, *rest = command
    done = run_smp(name, *rest, "2020", "--workspace", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert "'2020' is not a run" in done.err
    assert runs[0].run.id in done.err


def test_the_beginning_of_an_id_is_enough(
    run_smp: RunSmp, runs: tuple[Example, Example], tmp_path: Path
) -> None:
    run = runs[0].run
    others = [example.run.id for example in runs[1:]]
    short = next(
        run.id[:n] for n in range(1, 99) if not any(o.startswith(run.id[:n]) for o in others)
    )
    done = run_smp("show", short, "--format", "json", "--workspace", tmp_path)
    assert json.loads(done.out)["id"] == run.id


def test_a_log_is_printed_byte_by_byte(
    runs: tuple[Example, Example], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from smp.cli import main

    run = runs[0].run
    run.log_path("churn-training").write_bytes(b"caf\xe9 \xff\n\x00end")
    assert main(["logs", run.id, "churn-training", "--workspace", str(tmp_path)]) == 0
    assert capfdbinary.readouterr().out == b"caf\xe9 \xff\n\x00end"


def logs_of_a_large_step(run: Run, output: int) -> subprocess.CompletedProcess[bytes]:
    """Print a log that no pipe holds to a descriptor, in a process of its own."""
    run.log_path("churn-training").write_bytes(b"a line\n" * 100_000)
    workspace = str(run.directory.parents[2])
    command = [sys.executable, "-m", "smp", "logs", run.id, "churn-training"]
    return subprocess.run(
        [*command, "--workspace", workspace], stdout=output, stderr=subprocess.PIPE, check=False
    )


def test_a_reader_may_leave_a_log_before_its_end(runs: tuple[Example, Example]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = logs_of_a_large_step(runs[0].run, writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (OUTPUT_CLOSED, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_fails_where_there_is_no_room_for_a_log(runs: tuple[Example, Example]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = logs_of_a_large_step(runs[0].run, full.fileno())
    assert (done.returncode, done.stderr) == (1, b"smp: no space left on device\n")


def test_fails_on_a_step_that_the_run_has_not(
    run_smp: RunSmp, runs: tuple[Example, Example], tmp_path: Path
) -> None:
    done = run_smp("logs", runs[0].run.id, "churn-trainin", "--workspace", tmp_path)
    assert done.status == 1
    assert "did you mean 'churn-training'" in done.err


def test_a_report_goes_where_it_is_asked_to(
    run_smp: RunSmp, runs: tuple[Example, Example], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    done = run_smp("report", runs[0].run.id, "-o", page, "--workspace", tmp_path)
    assert (done.status, done.out) == (0, f"{page}\n")
    assert page.read_text("utf-8").startswith("<!doctype html>")


def test_two_runs_are_compared_as_text_and_json(
    run_smp: RunSmp, runs: tuple[Example, Example], tmp_path: Path
) -> None:
    ids = [example.run.id for example in runs]
    text = run_smp("compare", *ids, "--workspace", tmp_path)
    assert text.status == 0
    assert all(run_id in text.out for run_id in ids)
    as_json = run_smp("compare", *ids, "--format", "json", "--workspace", tmp_path)
    assert json.loads(as_json.out)


def register(places: Places) -> None:
    specification = {"Containers": [{"Image": "image:1", "ModelDataUrl": "s3://b/m.tar.gz"}]}
    Registry(places.registry).register(
        {
            "ModelPackageGroupName": "churn",
            "ModelApprovalStatus": "PendingManualApproval",
            "InferenceSpecification": specification,
        },
        token="run/step",
    )


def test_a_version_is_approved_and_rejected_with_a_reason(
    run_smp: RunSmp, places: Places, tmp_path: Path
) -> None:
    register(places)
    approved = run_smp("models", "approve", "churn", "--workspace", tmp_path)
    assert (approved.status, approved.out) == (0, "churn version 1: Approved\n")
    because = ("--because", "it drifts")
    rejected = run_smp("models", "reject", "churn", "1", *because, "--workspace", tmp_path)
    assert rejected.out == "churn version 1: Rejected\n"
    shown = json.loads(run_smp("models", "show", "churn", "--workspace", tmp_path).out)
    assert shown["ModelApprovalStatus"] == "Rejected"
    assert "it drifts" in json.dumps(shown)
    assert "churn" in run_smp("models", "list", "--workspace", tmp_path).out


def test_fails_on_a_model_group_that_is_not_there(
    run_smp: RunSmp, places: Places, tmp_path: Path
) -> None:
    register(places)
    done = run_smp("models", "approve", "chrun", "--workspace", tmp_path)
    assert done.status == 1
    assert "churn" in done.err
