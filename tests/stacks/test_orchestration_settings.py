"""Settings of Airflow in an environment, and what pipelines on Airflow ask of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from smp.config.load import load_project
from smp.errors import SetupError
from smp.graph import build_graphs
from stacks.context import read_context
from stacks.orchestration_settings import MwaaSettings, SelfManagedSettings
from stacks.settings import Deployment, check_all, load_deployment
from tests.graph.workspace import load as write_models

PIPELINE = """\
conf:
  sagemakerPipeline:
    pipelineName: NAME
    targets: [sagemaker, airflow]
    models: {demo: {steps: [{step_name: fit, step_class: Training}]}}
"""
EGRESS = {"internetEgress": True}
BROUGHT = {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}
PLACE = {"vpcId": "vpc-1a2b3c4d", "subnetIds": ["subnet-1", "subnet-2"]}


def load(workspace: Path, orchestration: Any, **settings: Any) -> Deployment:
    environment = {**settings, "orchestration": orchestration}
    written = {"context": {"smp": {"environments": {"default": environment}}}}
    (workspace / "cdk.json").write_text(json.dumps(written, indent=2))
    return load_deployment(read_context(workspace, {}), {}, workspace)


def faults(workspace: Path, orchestration: Any, **settings: Any) -> str:
    with pytest.raises(SetupError) as caught:
        load(workspace, orchestration, **settings)
    return str(caught.value)


def asked(workspace: Path, deployment: Deployment, names: Sequence[str] = ("demo",)) -> str:
    """Return what is wrong with pipelines on Airflow in an environment; nothing where all is well."""
    write_models(workspace, PIPELINE.replace("NAME", names[0]))
    for name in names[1:]:
        file = workspace / f"model_configs/demo/conf/{name}.yaml"
        file.write_text(PIPELINE.replace("NAME", name))
    graphs = build_graphs(load_project(workspace))
    try:
        check_all([deployment], {deployment.name: graphs})
    except SetupError as error:
        return str(error)
    return ""


def test_a_type_alone_is_enough(tmp_path: Path) -> None:
    managed = load(tmp_path, {"type": "mwaa"}).environment.orchestration
    assert isinstance(managed, MwaaSettings)
    assert managed.webserver_access == "private"
    hosted = load(tmp_path, {"type": "self_managed"}).environment.orchestration
    assert isinstance(hosted, SelfManagedSettings)
    assert hosted.database.instance_class == "db.t4g.small"
    assert load(tmp_path, None).environment.orchestration is None


@pytest.mark.parametrize(
    ("orchestration", "told"),
    [
        ({"type": "mwa"}, ["orchestration", "mwaa"]),
        ({"type": "mwaa", "airflowVerson": "3.0.6"}, ["unknown key", "airflowVersion"]),
        ({"type": "mwaa", "airflowVersion": "1.10.15"}, ["'1.10.15'", "3.0.6"]),
        ({"type": "mwaa", "minWorkers": 5}, ["minWorkers", "is more than maxWorkers"]),
        ({"type": "mwaa", "environmentClass": "mw1.micro"}, ["one worker only"]),
        ({"type": "mwaa", "requirements": ["pandas==2.2.3"]}, ["without internetEgress"]),
        (
            {"type": "mwaa", "internetEgress": True, "requirements": ["pandas"]},
            ["such as pandas==2.2.3"],
        ),
        ({"type": "mwaa", "maintenance": "Sunday"}, ["SUN:03:30"]),
        ({"type": "self_managed", "airflowVersion": "2.11.0"}, ["a version from 3 up"]),
        ({"type": "self_managed", "instanceType": "t3.large"}, ["Graviton"]),
        ({"type": "mwaa", "network": {"vpcId": "vpc-1a2b3c4d", "subnetIds": ["one"]}}, ["2"]),
    ],
)
def test_fails_for_impossible_settings(
    orchestration: dict[str, Any], told: list[str], tmp_path: Path
) -> None:
    message = faults(tmp_path, orchestration)
    assert "cdk.json:" in message
    for words in told:
        assert words in message


def test_fails_for_a_pipeline_on_airflow_where_there_is_none(tmp_path: Path) -> None:
    message = asked(tmp_path, load(tmp_path, None))
    assert message == (
        "model_configs/demo/conf/pipeline.yaml:4:5: conf.sagemakerPipeline.targets: "
        "pipeline 'demo' has the target airflow and environment 'default' has no Airflow\n"
        "    allowed: with cdk.json: context.smp.environments.default.orchestration of "
        "type mwaa, mwaa_serverless or self_managed\n"
        "    hint: set it (docs/orchestration.md), or take airflow out of the targets"
    )


@pytest.mark.parametrize(
    ("orchestration", "settings"),
    [
        ({"type": "mwaa"}, {}),
        ({"type": "mwaa", "internetEgress": True}, {"network": EGRESS}),
        ({"type": "mwaa_serverless"}, {}),
        ({"type": "self_managed"}, {"network": EGRESS}),
        ({"type": "mwaa", "network": PLACE, "internetEgress": True}, {"network": BROUGHT}),
        ({"type": "self_managed", "network": PLACE}, {"network": BROUGHT}),
    ],
)
def test_a_pipeline_on_airflow_runs_where_there_is_one(
    orchestration: dict[str, Any], settings: dict[str, Any], tmp_path: Path
) -> None:
    assert asked(tmp_path, load(tmp_path, orchestration, **settings)) == ""


@pytest.mark.parametrize(
    ("orchestration", "settings", "told"),
    [
        ({"type": "self_managed"}, {}, "installing Airflow needs internet access"),
        ({"type": "mwaa", "internetEgress": True}, {}, "internetEgress needs internet access"),
        ({"type": "mwaa"}, {"network": BROUGHT}, "needs to know the network"),
        ({"type": "mwaa", "network": PLACE}, {}, "is only for an existing network"),
    ],
)
def test_fails_for_a_network_that_airflow_cannot_live_in(
    orchestration: dict[str, Any], settings: dict[str, Any], told: str, tmp_path: Path
) -> None:
    message = asked(tmp_path, load(tmp_path, orchestration, **settings))
    assert told in message
    assert "context.smp.environments.default.orchestration" in message


def test_fails_for_more_pipelines_than_a_role_has_policies(tmp_path: Path) -> None:
    orchestration = {"type": "mwaa", "policiesPerRole": 2}
    message = asked(tmp_path, load(tmp_path, orchestration), ["demo", "other"])
    assert "2 pipelines have the target airflow" in message
    assert "Managed policies per role" in message
    enough = load(tmp_path, {"type": "mwaa", "policiesPerRole": 3})
    assert asked(tmp_path, enough, ["demo", "other"]) == ""
