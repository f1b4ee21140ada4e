"""`smp start`: what it starts, what it leaves alone, and what it says when an execution fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smp.aws.start import delivery_name
from tests.aws.account import Account
from tests.aws.conftest import RunSmp
from tests.aws.definitions import definition
from tests.moto_server import ROOT

FAST = ("--interval", "0.01")


def test_an_execution_is_started_and_said_where_to_look(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare", "train"))

    done = run_smp("start", "housing")

    (execution,) = account.executions("housing")
    id_ = execution["PipelineExecutionArn"].rpartition("/")[2]
    url = "https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/pipelines/housing"
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        f"housing: started execution {id_}\n"
        f"  console  {url}\n"
        f"  status   smp status housing --execution {id_}\n"
    )


def test_parameters_are_checked_against_the_deployed_definition_before_anything_starts(
    account: Account, run_smp: RunSmp
) -> None:
    account.deploy("housing", definition("prepare"))
    account.deploy("churn", definition("prepare", Parameters=[]))

    done = run_smp("start", "housing", "churn", "--param", "Rows=x", "--param", "Mode=slow")

    assert done.status == 1
    assert "housing.Rows: must be of type Integer\n    found: x" in done.err
    assert "housing.Mode: must be one of fast, full\n    found: slow" in done.err
    assert "churn: the pipeline has no parameter 'Rows'" in done.err
    assert account.executions("housing") == account.executions("churn") == []


def test_given_parameters_and_the_commit_reach_the_execution(
    account: Account, run_smp: RunSmp
) -> None:
    account.deploy("housing", definition("prepare"))

    done = run_smp("start", "housing", "--param", "Rows=25", "--commit", "4f1c2aa")
    shown = json.loads(run_smp("status", "housing", "--format", "json").out)

    assert done.status == 0
    assert shown["execution"]["parameters"] == {"Rows": "25"}
    assert shown["execution"]["description"] == "commit 4f1c2aa"


@pytest.mark.parametrize("commit", ["first", "second"])
def test_once_starts_nothing_for_the_same_definition_whatever_the_commit(
    account: Account, run_smp: RunSmp, commit: str
) -> None:
    deployed = definition("prepare")
    account.deploy("housing", deployed)

    run_smp("start", "housing", "--once", "--commit", "first")
    again = run_smp("start", "housing", "--once", "--commit", commit)

    (execution,) = account.executions("housing")
    id_ = execution["PipelineExecutionArn"].rpartition("/")[2]
    assert execution["PipelineExecutionDisplayName"] == delivery_name(deployed)
    assert again.status == 0
    assert f"housing: left alone: execution {id_} of the same definition is there" in again.out


def test_once_starts_again_for_another_definition_and_not_for_one_that_was_there_before(
    account: Account, run_smp: RunSmp
) -> None:
    first, second = definition("prepare"), definition("prepare", "train")
    for deployed in (first, second, first):
        account.deploy("housing", deployed)
        assert run_smp("start", "housing", "--once").status == 0

    assert [e["PipelineExecutionDisplayName"] for e in account.executions("housing")] == [
        delivery_name(second),
        delivery_name(first),
    ]


def test_once_looks_through_all_pages_of_executions(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare"))
    run_smp("start", "housing", "--once")
    for _ in range(4):
        run_smp("start", "housing")

    run_smp("start", "housing", "--once")

    assert len(account.executions("housing")) == 5


def test_once_counts_given_parameters_as_content(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare"))
    for rows in ("1", "2", "1"):
        run_smp("start", "housing", "--once", "--param", f"Rows={rows}")

    assert len(account.executions("housing")) == 2


def test_two_builds_at_once_start_one_execution(account: Account, tmp_path: Path) -> None:
    account.deploy("housing", definition("prepare"))
    builds = [
        subprocess.Popen(
            [sys.executable, "-m", "smp", "start", "housing", "--once", "--commit", commit],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for commit in ("aaaa", "aaaa", "bbbb", "bbbb")
    ]
    said = [build.communicate(timeout=60) for build in builds]

    assert [build.returncode for build in builds] == [0, 0, 0, 0], said
    assert len(account.executions("housing")) == 1


def test_every_pipeline_of_an_assembly_is_started(
    account: Account, run_smp: RunSmp, tmp_path: Path
) -> None:
    (tmp_path / "cdk.out" / "pipelines").mkdir(parents=True)
    for name in ("churn", "housing"):
        account.deploy(name, definition("prepare"))
        file = tmp_path / "cdk.out" / "pipelines" / f"{name}.json"
        file.write_text(json.dumps({"name": name}), "utf-8")

    done = run_smp("start", "--assembly", "cdk.out", "--once")

    assert done.status == 0
    assert len(account.executions("churn")) == len(account.executions("housing")) == 1


def test_waiting_says_each_change_and_ends_well(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare", "train"))

    done = run_smp("start", "housing", "--wait", *FAST)

    changes = [line.split("] ", 1)[1].split(" after ")[0] for line in done.err.splitlines()]
    assert done.status == 0
    assert changes == [
        "housing: prepare: executing",
        "housing: executing, 0 of 2 steps ended",
        "housing: prepare: succeeded",
        "housing: train: executing",
        "housing: train: succeeded",
        "housing: succeeded, 2 of 2 steps ended",
    ]
    assert "housing: Succeeded in" in done.out
    assert "(2 succeeded)" in done.out


def test_fails_with_the_step_its_reason_and_what_its_job_says(
    account: Account, run_smp: RunSmp
) -> None:
    job = "AlgorithmError: ValueError: 3 columns, not 4, exit code: 1"
    script = {"train": {"FailureReason": "ClientError: see the job", "JobFailureReason": job}}
    account.deploy("housing", definition("prepare", "train", emulated=script))
    account.deploy("churn", definition("prepare"))

    done = run_smp("start", "housing", "churn", "--wait", *FAST)

    (execution,) = account.executions("housing")
    id_ = execution["PipelineExecutionArn"].rpartition("/")[2]
    assert done.status == 1
    assert (
        "housing: train failed: ClientError: see the job\n"
        f"  {job}\n"
        f"  its log  smp logs housing train --execution {id_} --deployed\n"
        "housing: Failed in"
    ) in done.out
    assert "churn: Succeeded in" in done.out


def test_waiting_for_one_that_failed_before_fails_again_and_says_how_to_start_anew(
    account: Account, run_smp: RunSmp
) -> None:
    script = {"prepare": {"FailureReason": "no data"}}
    account.deploy("housing", definition("prepare", emulated=script))
    run_smp("start", "housing", "--once", "--wait", *FAST)

    again = run_smp("start", "housing", "--once", "--wait", *FAST)

    assert again.status == 1
    assert "  again    smp start housing\n" in again.out
    assert "housing: prepare failed: no data" in again.out
    assert len(account.executions("housing")) == 1


def test_waiting_outlives_an_outage(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare", Metadata={"failing_calls": 3}))

    done = run_smp("start", "housing", "--wait", *FAST)

    assert done.status == 0
    assert done.err.count("the service failed, also after 2 tries; trying again") == 1
    assert "housing: Succeeded in" in done.out


def test_fails_where_the_outage_does_not_end(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare", Metadata={"failing_calls": 99}))

    done = run_smp("start", "housing", "--wait", *FAST)

    assert done.status == 1
    assert done.err.count("trying again\n") == 7
    assert "smp: cannot list the steps of execution" in done.err


def test_fails_when_time_is_up_and_leaves_the_execution_running(
    account: Account, run_smp: RunSmp
) -> None:
    account.deploy("housing", definition("prepare", emulated={"prepare": {"hangs": True}}))

    done = run_smp("start", "housing", "--wait", "--timeout", "0.005", *FAST)

    assert done.status == 1
    assert (
        "has not ended after 0.005 minutes\n    hint: it continues: smp status housing" in done.err
    )
    assert account.executions("housing")[0]["PipelineExecutionStatus"] == "Executing"


def test_fails_for_a_name_that_is_not_deployed_with_near_names(
    account: Account, run_smp: RunSmp
) -> None:
    account.deploy("housing", definition("prepare"))

    done = run_smp("start", "housnig")

    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "smp: no pipeline 'housnig' is deployed in eu-west-1\n"
        "    allowed: housing\n"
        "    hint: did you mean 'housing'?\n"
    )


def test_fails_without_a_name(run_smp: RunSmp) -> None:
    done = run_smp("start")

    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("smp: no pipeline is named\n")


def test_pipelines_of_an_assembly_that_run_elsewhere_are_not_started(
    run_smp: RunSmp, tmp_path: Path
) -> None:
    directory = tmp_path / "cdk.out" / "pipelines"
    directory.mkdir(parents=True)
    elsewhere = {"name": "machine", "targets": ["stepfunctions", "airflow"]}
    (directory / "machine.json").write_text(json.dumps(elsewhere))
    done = run_smp("start", "--assembly", "cdk.out", "--once")
    assert done.status == 0
    assert "none of the assembly's pipelines runs on SageMaker" in done.out


def test_fails_for_a_directory_that_is_no_assembly(run_smp: RunSmp) -> None:
    done = run_smp("start", "--assembly", "cdk.out")

    assert done.status == 1
    assert "the assembly holds no pipeline\n    found: cdk.out/pipelines" in done.err
