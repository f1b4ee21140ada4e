"""Runs that are killed, stopped or shared: nothing that was finished is lost or done again."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.errors import RunError
from smp.local.sandbox.base import Sandbox
from smp.local.show.text import run_fields, runs_table, show_fields, show_run
from smp.local.store.run_store import Run, RunStore
from tests.local.orphans import orphans
from tests.local.pipelines import (
    BUCKET,
    Heard,
    Workspace,
    condition,
    fail,
    greater,
    processing,
    statuses,
    step_of,
)
from tests.local.sandbox.test_process import assert_gone

ROOT = Path(__file__).parents[2]
RUNNER = "tests.local.runner"


def start(workspace: Workspace, compiled: CompiledPipeline, *options: str) -> subprocess.Popen[str]:
    """Run a pipeline in a process of its own; its lines say which step is in which state."""
    file = workspace.root / "compiled.json"
    file.write_text(compiled.to_json())
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", RUNNER, str(workspace.root), workspace.sandbox.name, *options],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def only_run(workspace: Workspace) -> Run:
    (run,) = RunStore(workspace.places.runs).all()
    return run


def chain(workspace: Workspace, marker: str) -> CompiledPipeline:
    """Steps that each add a line to what the one before wrote, beside one that takes long."""
    steps = []
    for number in range(5):
        before = f"Steps.s{number - 1}.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"
        steps.append(
            workspace.processing(
                f"s{number}",
                f"""
                import os, subprocess, sys, time
                subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', '{marker}'])
                name = '/opt/ml/processing/input/o/text'
                before = open(name).read() if os.path.exists(name) else ''
                time.sleep(0.05)
                open('/opt/ml/processing/output/o/text', 'w').write(before + '{number};')
                """,
                inputs={"o": {"Get": before}} if number else {},
                outputs={"o": f"{BUCKET}/chain/{number}"},
            )
        )
    return workspace.pipeline(*steps, processing("aside", ("/bin/sh", "-c", "sleep 0.3")))


@pytest.mark.parametrize("seed", range(6))
def test_a_run_goes_on_after_it_was_killed_at_any_moment(workspace: Workspace, seed: int) -> None:
    marker = f"resume-{os.getpid()}-{time.time_ns()}"
    compiled = chain(workspace, marker)
    pauses = random.Random(seed)
    finished: dict[str, float | None] = {}
    options: list[str] = []
    for _ in range(3):
        with orphans() as left:
            runner = start(workspace, compiled, *options)
            assert runner.stdout is not None
            runner.stdout.readline()
            time.sleep(pauses.uniform(0, 0.6))
            runner.kill()
            runner.communicate()
            assert left() == []
        run = only_run(workspace)
        options = ["--resume"]
        now = {s.name: s.ended for s in run.steps() if s.status == "Succeeded"}
        assert {name: now[name] for name in finished} == finished
        finished = now

    runner = start(workspace, compiled, *options)
    output, _ = runner.communicate(timeout=60)

    run = only_run(workspace)
    assert runner.returncode == 0
    assert run.record().status == "Succeeded"
    assert set(statuses(run).values()) == {"Succeeded"}
    assert workspace.read("chain/4/text") == "0;1;2;3;4;"
    began = {line.split()[0] for line in output.splitlines() if line.endswith("Executing")}
    assert began.isdisjoint(finished)
    assert_gone(marker)


def test_ctrl_c_stops_the_jobs_and_the_run_can_go_on(workspace: Workspace) -> None:
    flag = workspace.put("flag", "slow")
    polite = workspace.processing(
        "polite",
        """
        import signal, sys, time
        def tidy(*_):
            print('tidied', flush=True)
            sys.exit(1)
        signal.signal(signal.SIGTERM, tidy)
        print('ready', flush=True)
        time.sleep(60 if open('/opt/ml/processing/input/flag/flag').read() == 'slow' else 0)
        """,
        inputs={"flag": flag},
    )
    pipeline = workspace.pipeline(
        processing("done"),
        {**polite, "DependsOn": ["done"]},
        processing("last", depends=["polite"]),
    )
    runner = start(workspace, pipeline)
    assert runner.stdout is not None
    while "ready" not in runner.stdout.readline():
        pass
    runner.send_signal(signal.SIGINT)
    output, _ = runner.communicate(timeout=30)

    said, *_ = output.splitlines()
    assert said == "stopping: jobs have 0.5 s to end; Ctrl-C again ends them now"
    run = only_run(workspace)
    assert run.record().status == "Stopped"
    assert statuses(run) == {"done": "Succeeded", "polite": "Stopped"}
    assert step_of(run, "polite").reason == "the run was stopped"
    assert run.log_path("polite").read_text() == "ready\ntidied\n"

    workspace.put("flag", "fast")
    ended = step_of(run, "done").ended
    workspace.resume(run)

    assert run.record().status == "Succeeded"
    assert set(statuses(run).values()) == {"Succeeded"}
    assert step_of(run, "done").ended == ended


class Impatient(Heard):
    """Presses Ctrl-C when a job is up, and again when it hears how long the job has."""

    def log_line(self, step: str, line: str) -> None:
        super().log_line(step, line)
        os.kill(os.getpid(), signal.SIGINT)

    def note(self, text: str) -> None:
        super().note(text)
        signal.raise_signal(signal.SIGINT)


def test_a_second_ctrl_c_ends_the_jobs_at_once(workspace: Workspace) -> None:
    workspace.heard = Impatient()
    stubborn = processing("stubborn", ("/bin/sh", "-c", "trap '' TERM; echo up; sleep 60 & wait"))
    began = time.monotonic()

    run = workspace.run(workspace.pipeline(stubborn), grace_seconds=60)

    assert time.monotonic() - began < 30
    assert workspace.heard.notes == ["stopping: jobs have 60 s to end; Ctrl-C again ends them now"]
    assert run.record().status == "Stopped"
    assert step_of(run, "stubborn").reason == "the run was stopped"


def test_a_run_that_failed_goes_on_with_what_failed(workspace: Workspace) -> None:
    data = f"{BUCKET}/late/data"
    step = workspace.processing("needs-data", "", inputs={"data": data})
    pipeline = workspace.pipeline(
        processing("first"), step, processing("last", depends=["needs-data"])
    )

    run = workspace.run(pipeline)

    assert statuses(run) == {"first": "Succeeded", "needs-data": "Failed", "last": "Skipped"}
    assert step_of(run, "needs-data").reason == (
        f"there is no object under {data}; put some there with `smp s3 put`"
    )
    ended = step_of(run, "first").ended

    workspace.put("late/data", "now")
    workspace.resume(run)

    assert set(statuses(run).values()) == {"Succeeded"}
    assert step_of(run, "first").ended == ended


def test_two_runs_at_once_do_not_disturb_each_other(workspace: Workspace) -> None:
    marker = f"two-{os.getpid()}-{time.time_ns()}"
    compiled = chain(workspace, marker)
    runners = [start(workspace, compiled, "--fresh") for _ in range(2)]
    for runner in runners:
        runner.communicate(timeout=60)

    assert [runner.returncode for runner in runners] == [0, 0]
    runs = RunStore(workspace.places.runs).all()
    assert [run.record().status for run in runs] == ["Succeeded", "Succeeded"]
    assert workspace.read("chain/4/text") == "0;1;2;3;4;"


def test_fails_to_resume_a_run_that_is_still_going(workspace: Workspace) -> None:
    runner = start(
        workspace, workspace.pipeline(processing("long", ("/bin/sh", "-c", "echo up; sleep 60")))
    )
    try:
        assert runner.stdout is not None
        while "up" not in runner.stdout.readline():
            pass
        run = only_run(workspace)
        with pytest.raises(RunError, match=f"{run.id} is still running"):
            workspace.resume(run)
    finally:
        runner.kill()
        runner.communicate()


def test_a_run_whose_process_was_killed_is_shown_as_stopped(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(processing("long", ("/bin/sh", "-c", "echo up; sleep 60")))
    runner = start(workspace, pipeline)
    try:
        assert runner.stdout is not None
        while "up" not in runner.stdout.readline():
            pass
        run = only_run(workspace)
        assert run_fields(run)["status"] == "Executing"
        assert show_fields(run, workspace.places)["step_records"][0]["state"] == "Executing"
    finally:
        runner.kill()
        runner.communicate()

    fields = show_fields(run, workspace.places)
    assert (fields["status"], fields["reason"]) == ("Stopped", "its process ended")
    assert fields["steps"] == {"Stopped": 1}
    assert fields["step_records"][0]["state"] == "Stopped"
    assert "  Stopped  " in runs_table([run])
    assert f"continue with  smp run test-pipeline --resume {run.id}" in show_run(
        run, workspace.places
    )
    time.sleep(0.1)
    assert show_fields(run, workspace.places) == fields


def test_who_looks_at_a_run_does_not_keep_it_from_going_on(workspace: Workspace) -> None:
    run = workspace.run(workspace.pipeline(processing("bad", ("/bin/sh", "-c", "exit 1"))))
    with run.lock_path.open("rb") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        timer = threading.Timer(0.05, fcntl.flock, (looked_at, fcntl.LOCK_UN))
        timer.start()
        assert statuses(workspace.resume(run)) == {"bad": "Failed"}
        timer.join()


def test_a_run_that_succeeded_stays_as_it_is(workspace: Workspace) -> None:
    gate = condition("gate", [greater(2, 1)], yes=[processing("keep")], no=[fail("refuse", "no")])
    run = workspace.run(workspace.pipeline(gate))
    before = run.record()
    workspace.heard.changes.clear()

    workspace.resume(run, jobs=7)

    assert run.record() == before
    assert workspace.heard.changes == []
    assert workspace.heard.finished == [before, before]


def test_a_step_whose_record_is_lost_runs_again(workspace: Workspace) -> None:
    run = workspace.run(workspace.pipeline(processing("kept"), processing("lost")))
    ended = step_of(run, "kept").ended
    (run.step_directory("lost") / "step.json").unlink()

    workspace.resume(run)

    assert statuses(run) == {"kept": "Succeeded", "lost": "Succeeded"}
    assert step_of(run, "kept").ended == ended


def test_a_resumed_run_says_how_it_went_on(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(processing("bad", ("/bin/sh", "-c", "exit 1")))
    run = workspace.run(pipeline, only="bad")

    workspace.resume(run, jobs=7, network=True)

    options = run.record().options
    assert (options["jobs"], options["network"], options["only"]) == (7, True, "bad")


def test_fails_where_a_record_cannot_be_written_and_says_that_the_run_stopped(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Run, "write_step", full)
    with pytest.raises(RunError, match="cannot be written: No space left"):
        workspace.run(workspace.pipeline(processing("a")))

    record = only_run(workspace).record()
    assert record.status == "Stopped"
    assert record.reason is not None
    assert record.reason.endswith("cannot be written: No space left on device")


def assert_done_with_room(workspace: Workspace, run: Run) -> None:
    """Resume a run and see that the step before is not done again; the greedy one fails as before."""
    workspace.heard.changes.clear()
    with pytest.raises(RunError, match="cannot be written"):
        workspace.resume(run)
    assert "before" not in {change.name for change in workspace.heard.changes}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small file system")
def test_a_full_disk_fails_the_step_and_keeps_what_was_done(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)])
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small file system here")
    try:
        workspace = Workspace(small, sandbox)
        greedy = workspace.processing(
            "greedy", "open('/opt/ml/processing/big', 'wb').write(bytes(50_000_000))"
        )
        chatty = processing("chatty", ("/bin/sh", "-c", "yes | head -c 50000000"))
        before = processing("before")
        for bad in (greedy, chatty):
            pipeline = workspace.pipeline(before, {**bad, "DependsOn": ["before"]})
            with pytest.raises(RunError, match=r"records of run .* cannot be written: .*No space"):
                workspace.run(pipeline)
            run = RunStore(workspace.places.runs).all()[0]
            assert step_of(run, "before").status == "Succeeded"
            for file in small.rglob("big"):
                file.unlink()
            run.log_path("chatty").unlink(missing_ok=True)
            assert_done_with_room(workspace, run)
            shutil.rmtree(run.directory)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
