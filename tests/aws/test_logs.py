"""`smp logs` of a deployed pipeline: all streams of the step's job, in order of time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from tests.aws.account import Account
from tests.aws.conftest import RunSmp
from tests.aws.definitions import definition

FAST = ("--interval", "0.01")
GROUP = "/aws/sagemaker/TrainingJobs"
NOW = int(time.time() * 1000)


@pytest.fixture
def job(account: Account, run_smp: RunSmp) -> str:
    """The name of the job of the step `train` of an execution that has ended."""
    account.deploy("housing", definition("prepare", "train", "register"))
    run_smp("start", "housing", "--wait", *FAST)
    arn = account.executions("housing")[0]["PipelineExecutionArn"]
    return f"pipelines-{arn.rpartition('/')[2]}-train-Ab1"


def write(account: Account, stream: str, *events: tuple[int, str], group: str = GROUP) -> None:
    logs = account.client("logs")
    for make, names in (
        (logs.create_log_group, {"logGroupName": group}),
        (logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
    ):
        try:
            make(**names)
        except logs.exceptions.ResourceAlreadyExistsException:
            continue
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": NOW + at, "message": text} for at, text in events],
    )


def test_streams_of_several_instances_come_in_order_of_time(
    account: Account, run_smp: RunSmp, job: str
) -> None:
    write(account, f"{job}/algo-1-170", (0, "start"), (20, "epoch 1"), (40, "end"))
    write(account, f"{job}/algo-2-170", (10, "start"), (30, "epoch 1"))
    write(account, f"{job}x/algo-1-170", (5, "of another job"))

    done = run_smp("logs", "housing", "train")

    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "[algo-1-170] start\n"
        "[algo-2-170] start\n"
        "[algo-1-170] epoch 1\n"
        "[algo-2-170] epoch 1\n"
        "[algo-1-170] end\n"
    )


def test_a_single_stream_comes_as_it_is(account: Account, run_smp: RunSmp, job: str) -> None:
    write(account, f"{job}/algo-1-170", (0, "loss: 0,5 €"), (1, " "), (2, "done"))

    assert run_smp("logs", "housing", "train").out == "loss: 0,5 €\n \ndone\n"


def test_following_goes_on_until_the_step_has_ended(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("train", emulated={"train": {"hangs": True}}))
    run_smp("start", "housing")
    run_smp("status", "housing")
    arn = account.executions("housing")[0]["PipelineExecutionArn"]
    stream = f"pipelines-{arn.rpartition('/')[2]}-train-Ab1/algo-1-170"
    write(account, stream, (0, "first"))

    def go_on() -> None:
        time.sleep(0.4)
        write(account, stream, (10, "second"))
        account.client("sagemaker").stop_pipeline_execution(
            PipelineExecutionArn=arn, ClientRequestToken="x" * 32
        )

    later = threading.Thread(target=go_on)
    later.start()
    done = run_smp("logs", "housing", "train", "--follow", "--interval", "0.05")
    later.join()

    assert (done.status, done.out) == (0, "first\nsecond\n")


def test_fails_where_the_job_has_written_nothing_yet(run_smp: RunSmp, job: str) -> None:
    done = run_smp("logs", "housing", "train")

    assert (done.status, done.out) == (1, "")
    assert done.err == (
        "smp: train (Succeeded) has no log yet\n"
        f"    found: {GROUP}, streams {job}/*\n"
        "    hint: the job ended before its container started: smp status shows why it failed\n"
    )


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("register", "register runs no job that writes a log"),
        ("trian", "housing has no step 'trian'\n    allowed: prepare, train, register\n"),
    ],
)
@pytest.mark.usefixtures("job")
def test_fails_for_a_step_without_a_log(run_smp: RunSmp, step: str, expected: str) -> None:
    done = run_smp("logs", "housing", step)

    assert (done.status, done.out) == (1, "")
    assert expected in done.err


def test_fails_for_a_step_that_has_not_begun(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare", "train"))
    run_smp("start", "housing")

    done = run_smp("logs", "housing", "train")

    assert "train has not begun in execution" in done.err


def test_the_name_of_a_run_is_never_sought_in_aws(run_smp: RunSmp, tmp_path: Path) -> None:
    done = run_smp("logs", "20260101-000000-abcdef", "train", "--workspace", tmp_path)

    assert done.status == 1
    assert "is not a run" in done.err
