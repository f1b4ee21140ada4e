"""Tuning steps that are killed or stopped: what a training job came to is kept, the rest is done."""

from __future__ import annotations

from typing import Any

import pytest

from smp.local.jobs.search import Range, Search
from smp.local.store.run_store import Run
from tests.local.jobs.test_tuning import result_of, run_tuning, tried, tuning
from tests.local.pipelines import BUCKET, Workspace, cached, log_of, step_of
from tests.local.test_resume import only_run, start

SLOW = """
import os, sys, time
x = sys.argv[sys.argv.index('-x') + 1]
time.sleep(0.3)
open(os.environ['SM_MODEL_DIR'] + '/x', 'w').write(x)
print('loss=' + x)
"""
GRID = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3", "4", "5"]}]}


def kill_after(workspace: Workspace, enough: int, **options: Any) -> tuple[Run, list[str]]:
    """Kill a run once so many training jobs have ended; return it and the names of those."""
    runner = start(workspace, workspace.pipeline(tuning(workspace, **options)))
    assert runner.stdout is not None
    ended: list[str] = []
    while len(ended) < enough:
        line = runner.stdout.readline()
        assert line, "the run ended by itself"
        if " Completed: " in line or " Failed: " in line:
            ended.append(line.split()[1])
    runner.kill()
    runner.communicate()
    return only_run(workspace), ended


def names(run: Run) -> set[str]:
    return {job["TrainingJobName"] for job in result_of(run)["TrainingJobSummaries"]}


@pytest.mark.parametrize(
    "options",
    [
        {"strategy": "Random", "jobs": 5},
        {"strategy": "Random", "jobs": 5, "config": {"RandomSeed": 7}, "parallel": 1},
        {"strategy": "Grid", "jobs": None, "ranges": GRID},
        {"strategy": "Bayesian", "jobs": 8},
    ],
)
def test_jobs_that_ended_before_a_kill_are_kept(
    workspace: Workspace, options: dict[str, Any]
) -> None:
    run, ended = kill_after(workspace, 2, script=SLOW, **options)
    artifacts = [
        workspace.store.path_of(f"{BUCKET}/tuned/{name}/output/model.tar.gz") for name in ended
    ]
    written = [file.stat().st_mtime_ns for file in artifacts]

    workspace.resume(run)

    assert set(ended) < names(run)
    assert [file.stat().st_mtime_ns for file in artifacts] == written
    counters = result_of(run)["TrainingJobStatusCounters"]
    assert counters["Completed"] == (options["jobs"] or 5)
    job = result_of(run)["HyperParameterTuningJobName"]
    assert {name.rpartition("-")[0].rpartition("-")[0] for name in names(run)} == {job}
    assert f"{job} continues: 2 of its training jobs had ended" in log_of(run, "tune")
    assert len(step_of(run, "tune").metrics) == counters["Completed"]
    if options["strategy"] != "Bayesian":
        assert tried(run) == tried(run_tuning(workspace, SLOW, **options))


def test_a_job_whose_artifact_is_gone_is_done_again(workspace: Workspace) -> None:
    run, ended = kill_after(
        workspace, 2, script=SLOW, strategy="Grid", jobs=None, ranges=GRID, parallel=1
    )
    workspace.store.path_of(f"{BUCKET}/tuned/{ended[0]}/output/model.tar.gz").unlink()

    workspace.resume(run)

    assert ended[0] not in names(run)
    assert ended[1] in names(run)
    assert tried(run) == ["1", "2", "3", "4", "5"]


def test_a_failed_job_is_not_tried_again(workspace: Workspace) -> None:
    script = SLOW.replace("time.sleep(0.3)", "time.sleep(0.3); x == '1' and sys.exit(3)")
    run, ended = kill_after(
        workspace, 2, script=script, strategy="Grid", jobs=None, ranges=GRID, parallel=1
    )

    workspace.resume(run)

    assert set(ended) < names(run)
    assert result_of(run)["TrainingJobStatusCounters"]["NonRetryableError"] == 1


def test_a_step_in_which_every_job_failed_begins_anew(workspace: Workspace) -> None:
    script = """
    import os, sys
    sys.exit('no data') if not open('/opt/ml/input/data/train/a').read() else print('loss=1')
    """
    workspace.put("data/a", "")
    step = tuning(workspace, script, jobs=2)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/data"}
    step["Arguments"]["TrainingJobDefinition"]["InputDataConfig"] = [
        {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    ]
    run = workspace.run(workspace.pipeline({**step, **cached()}))
    assert step_of(run, "tune").status == "Failed"

    workspace.put("data/a", "1")
    workspace.resume(run)

    assert result_of(run)["TrainingJobStatusCounters"]["Completed"] == 2


def test_values_are_given_to_a_search_as_they_were_sampled() -> None:
    ranges = [
        Range("keep", "Continuous", low=0.9, high=0.9999, scaling="ReverseLogarithmic"),
        Range("rate", "Continuous", low=1e-5, high=1),
        Range("units", "Integer", low=1, high=9),
        Range("kind", "Categorical", values=("a", "b")),
    ]
    values = {"keep": "0.99", "rate": "0.25", "units": "3", "kind": "b"}
    search = Search(ranges, "Bayesian", maximize=True, seed=1, stops_early=False)

    repeated = search.repeat(search.propose(), values)

    found = {one.name: one.text(repeated.trial.params[one.name]) for one in ranges}
    assert {**found, "keep": f"{float(found['keep']):.6g}"} == values
