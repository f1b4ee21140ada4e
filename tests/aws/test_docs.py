"""The commands of docs/executions.md run against an emulated account."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from tests.aws.account import Account
from tests.aws.conftest import RunSmp
from tests.aws.definitions import definition
from tests.moto_server import ROOT

PAGE = (ROOT / "docs" / "executions.md").read_text("utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
]


@pytest.mark.slow
@pytest.mark.usefixtures("price_list")
def test_every_command_of_the_page_runs(account: Account, run_smp: RunSmp, tmp_path: Path) -> None:
    housing = definition("prepare", "train")
    housing["Steps"][1]["Name"] = "housing-training"
    for name in ("housing", "churn-lightgbm", "sales"):
        account.deploy(name, housing)
    (tmp_path / "cdk.out" / "pipelines").mkdir(parents=True)
    file = tmp_path / "cdk.out" / "pipelines" / "housing.json"
    file.write_text(json.dumps({"name": "housing"}), "utf-8")

    for command in COMMANDS:
        if "--wait" in command or "--follow" in command:
            command += ["--interval", "0.01"]
        if command[0] == "logs":
            write_log(account)
        done = run_smp(*command)
        assert (done.status, "problem" in done.err) == (0, False), (command, done)


def write_log(account: Account) -> None:
    logs, group = account.client("logs"), "/aws/sagemaker/TrainingJobs"
    for execution in account.executions("housing"):
        id_ = execution["PipelineExecutionArn"].rpartition("/")[2]
        stream = f"pipelines-{id_}-housing-training-Ab1/algo-1"
        names = {"logGroupName": group, "logStreamName": stream}
        try:
            if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
                logs.create_log_group(logGroupName=group)
            logs.create_log_stream(**names)
        except logs.exceptions.ResourceAlreadyExistsException:
            continue
        logs.put_log_events(**names, logEvents=[{"timestamp": 1_795_000_000_000, "message": "x"}])


def test_the_page_shows_every_command_for_deployed_pipelines() -> None:
    assert {command[0] for command in COMMANDS} == {"start", "status", "logs", "stop", "prices"}
