"""`smp status` and `smp stop`: an execution as a person and as a program reads it."""

from __future__ import annotations

import json
import re

from tests.aws.account import REGION, Account
from tests.aws.conftest import RunSmp
from tests.aws.definitions import definition

FAST = ("--interval", "0.01")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
TOOK = re.compile(r"\d+ ms|\d+\.\d s")


def newest(account: Account) -> str:
    arn: str = account.executions("housing")[0]["PipelineExecutionArn"]
    return arn.rpartition("/")[2]


def masked(text: str, *ids: str) -> str:
    for number, id_ in enumerate(ids):
        text = text.replace(id_, f"<id{number}>")
    text = TOOK.sub("<took>", TIME.sub("<time>", text))
    return re.sub(r" +", " ", text)


def test_a_failed_execution_is_shown_with_what_failed_and_the_ones_before(
    account: Account, run_smp: RunSmp
) -> None:
    account.deploy("housing", definition("prepare"))
    run_smp("start", "housing", "--once", "--wait", *FAST)
    first = newest(account)
    script = {
        "prepare": {"reused": f"arn:aws:sagemaker:{REGION}:1:pipeline/housing/execution/{first}"},
        "train": {"FailureReason": "out of memory"},
    }
    account.deploy("housing", definition("prepare", "train", "register", emulated=script))
    run_smp("start", "housing", "--commit", "4f1c2aa", "--param", "Rows=3", "--wait", *FAST)

    done = run_smp("status", "housing")

    url = f"https://{REGION}.console.aws.amazon.com/sagemaker/home?region={REGION}"
    assert (done.status, done.err) == (0, "")
    assert masked(done.out, newest(account), first) == (
        " pipeline housing\n"
        " deployed <time>\n"
        " execution <id0>\n"
        " status Failed\n"
        " started <time>\n"
        " took <took>\n"
        " steps 2 of 3 began\n"
        " description commit 4f1c2aa\n"
        " parameter Rows 3\n"
        f" console {url}#/pipelines/housing\n"
        "\n"
        "housing: train failed: out of memory\n"
        " its log smp logs housing train --execution <id0> --deployed\n"
        "\n"
        " step kind state took\n"
        " prepare ProcessingJob Succeeded <took> result of execution <id1>\n"
        " train TrainingJob Failed <took>\n"
        "\n"
        " execution status started name\n"
        " <id0> Failed <time> -\n"
        f" <id1> Succeeded <time> {account.executions('housing')[1]['PipelineExecutionDisplayName']}\n"
    )


def test_json_says_everything(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare", "train"))
    run_smp("start", "housing", "--wait", *FAST)

    shown = json.loads(run_smp("status", "housing", "--format", "json").out)

    assert (shown["pipeline"], shown["execution"]["status"]) == ("housing", "Succeeded")
    assert shown["execution"]["id"] == newest(account)
    assert shown["execution"]["step_count"] == 2
    assert [step["name"] for step in shown["execution"]["steps"]] == ["prepare", "train"]
    assert shown["execution"]["steps"][1]["kind"] == "TrainingJob"
    assert shown["execution"]["steps"][1]["reason"] is None
    assert shown["recent"][0]["status"] == "Succeeded"


def test_an_execution_is_found_by_the_beginning_of_its_id_and_by_its_arn(
    account: Account, run_smp: RunSmp
) -> None:
    account.deploy("housing", definition("prepare"))
    run_smp("start", "housing")
    arn = account.executions("housing")[0]["PipelineExecutionArn"]
    id_ = arn.rpartition("/")[2]
    run_smp("start", "housing")

    for given in (arn, id_, id_[:8]):
        shown = json.loads(
            run_smp("status", "housing", "--execution", given, "--format", "json").out
        )
        assert shown["execution"]["id"] == id_


def test_fails_for_an_execution_that_is_not_there(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare"))
    none = run_smp("status", "housing")
    run_smp("start", "housing")
    other = run_smp("status", "housing", "--execution", "zzz")

    assert none.err == (
        "smp: housing has no execution yet\n    hint: start one: smp start housing\n"
    )
    assert (other.status, other.out) == (1, "")
    assert f"'zzz' is not an execution of housing\n    allowed: {newest(account)}\n" in other.err


def test_the_running_execution_is_stopped(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare"))
    run_smp("start", "housing")

    stopped = run_smp("stop", "housing")
    again = run_smp("stop", "housing")

    assert stopped.out == f"housing: execution {newest(account)} is stopping\n"
    assert again.out == "housing: no execution is running\n"
    assert (stopped.status, again.status) == (0, 0)
    assert account.executions("housing")[0]["PipelineExecutionStatus"] == "Stopped"


def test_an_execution_that_has_ended_is_not_stopped(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare"))
    run_smp("start", "housing", "--wait", *FAST)

    done = run_smp("stop", "housing", "--execution", newest(account))

    assert done.out == f"housing: execution {newest(account)} has ended (Succeeded)\n"


def test_fails_to_stop_where_several_run(account: Account, run_smp: RunSmp) -> None:
    account.deploy("housing", definition("prepare"))
    run_smp("start", "housing")
    run_smp("start", "housing")

    done = run_smp("stop", "housing")

    assert done.status == 1
    assert "housing has several running executions" in done.err
    assert "hint: name one: smp stop housing --execution ID" in done.err
