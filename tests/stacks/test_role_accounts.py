"""A role of another account is refused where it is written, before anything is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.errors import SetupError
from smp.graph import PipelineGraph, build_graphs
from stacks.settings import Deployment, EnvironmentSettings, check_all

HERE, ELSEWHERE = "111122223333", "444455556666"

CONF = """\
conf:
  models:
    {name}:
      source_directory: scripts
      train:
        entry_point: train.py
        image_uri: trainer:1
        instance_type: ml.m5.large
        channels:
          train: {{dataFiles: [{{sourceName: a, fileName: "s3://data/{name}"}}]}}
  sagemakerNetworkSecurity:
    role: {role}
  sagemakerPipeline:
    pipelineName: {name}
    models:
      {name}:
        steps:
          - step_name: fit
            step_class: Training
"""


def graphs(workspace: Path, **roles: str) -> list[PipelineGraph]:
    """Return a pipeline for each role, as `NAME=ACCOUNT or role`."""
    for name, role in roles.items():
        arn = f"arn:aws:iam::{role}:role/company/jobs" if role.isdigit() else role
        directory = workspace / "model_configs" / name
        (directory / "conf").mkdir(parents=True)
        (directory / "scripts").mkdir()
        (directory / "scripts" / "train.py").write_text("")
        (directory / "conf" / "conf.yaml").write_text(CONF.format(name=name, role=arn))
    return list(build_graphs(load_project(workspace)))


def check(pipelines: Sequence[PipelineGraph], **settings: str) -> None:
    environment = EnvironmentSettings.model_validate(settings)
    deployment = Deployment(name="prod", model_configs="unused", environment=environment)
    check_all([deployment], {"prod": pipelines})


def refused(pipelines: Sequence[PipelineGraph], **settings: str) -> str:
    with pytest.raises(SetupError) as caught:
        check(pipelines, **settings)
    return str(caught.value)


def arn(account: str) -> str:
    return f"arn:aws:iam::{account}:role/company/jobs"


def test_a_role_of_the_environments_account_is_accepted(tmp_path: Path) -> None:
    check(graphs(tmp_path, churn=HERE), account=HERE, jobRoleArn=arn(HERE))


def test_fails_for_a_role_of_another_account_at_its_place(tmp_path: Path) -> None:
    assert refused(graphs(tmp_path, churn=ELSEWHERE), account=HERE) == (
        "model_configs/churn/conf/conf.yaml:12:11: conf.sagemakerNetworkSecurity.role: "
        "pipeline 'churn': the role is of another account\n"
        f"    found: {arn(ELSEWHERE)}\n"
        f"    allowed: a role of account {HERE}, the account of environment 'prod'\n"
        "    hint: SageMaker passes jobs only roles of the same account: name one, or remove the key "
        "to have a role created"
    )


def test_fails_for_a_role_of_another_account_in_the_settings(tmp_path: Path) -> None:
    message = refused(graphs(tmp_path, churn=HERE), account=HERE, jobRoleArn=arn(ELSEWHERE))
    assert message.startswith(
        "cdk.json: context.smp.environments.prod.jobRoleArn: jobRoleArn: the role"
    )


def test_without_an_account_the_settings_role_says_which_it_is(tmp_path: Path) -> None:
    message = refused(graphs(tmp_path, churn=ELSEWHERE), jobRoleArn=arn(HERE))
    assert (
        f"a role of account {HERE}, the account of context.smp.environments.prod.jobRoleArn"
        in message
    )


def test_without_an_account_two_accounts_are_one_too_many(tmp_path: Path) -> None:
    message = refused(graphs(tmp_path, churn=HERE, housing=ELSEWHERE))
    assert "pipeline 'housing': the role is of another account" in message
    assert f"{HERE}, the account of the role of pipeline 'churn'" in message


def test_without_any_account_one_role_is_accepted(tmp_path: Path) -> None:
    check(graphs(tmp_path, churn=HERE))


def test_the_role_that_a_deployment_provides_is_of_no_account(tmp_path: Path) -> None:
    check(graphs(tmp_path, churn="SMP_ROLE"), account=HERE)
