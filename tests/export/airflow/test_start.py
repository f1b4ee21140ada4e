"""The DAG, and the workflow of MWAA Serverless, that start the pipeline of SageMaker."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from smp.cli.entry import main
from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import STEP_TYPES
from smp.definition.triggers import Schedule
from smp.export.airflow import dag_permissions, dag_values, render_dag, render_serverless
from smp.export.refusal import ExportError
from tests.export import definitions as d
from tests.export.airflow.start_runs import branching

ROOT = Path(__file__).resolve().parents[3]
ARGUMENTS = {"ModelPackageGroupName": "models"}
DAILY = Schedule("daily", target="airflow", expression="cron(0 6 * * ? *)")


def dag_of(compiled: CompiledPipeline) -> str:
    return render_dag(compiled)[f"{compiled.name}.py"]


def test_the_graph_is_that_of_the_pipeline() -> None:
    text = dag_of(replace(branching(), triggers=(DAILY,)))
    assert 'schedule=cron("0 6 * * *", "UTC"),' in text
    assert 'parameters=["rows", "spot", "rate", "data"],' in text
    assert 'step_fit = FollowedStep(task_id="fit", condition="gate", outcome=True)' in text
    assert 'step_refuse = FollowedStep(task_id="refuse", condition="gate", outcome=False)' in text
    assert "execution_start >> [step_task, step_ask, execution_end]" in text
    assert "step_task >> [step_gate, step_tidy_up]" in text
    assert "step_gate >> [step_fit, step_refuse]" in text
    assert "Operator(" not in text


def test_no_type_of_step_is_refused() -> None:
    steps = [
        {"Name": f"a-{number}", "Type": name, "Arguments": ARGUMENTS}
        for number, name in enumerate(STEP_TYPES)
    ]
    compiled = replace(d.pipeline(*steps), airflow_mode="start")
    text = dag_of(compiled)
    workflow = yaml.safe_load(render_serverless(compiled))["demo"]["tasks"]
    assert text.count("FollowedStep(") == len(STEP_TYPES)
    assert len(workflow) == 2


def test_only_defaults_of_parameters_need_values() -> None:
    assert dict(dag_values(branching())) == {
        "bucket": "the bucket of the project: code/ lies in it, and jobs write there"
    }
    assert dict(dag_values(replace(branching(), definition={"Steps": [d.training("fit")]}))) == {}


def test_the_tasks_may_start_and_stop_this_pipeline_and_nothing_else() -> None:
    compiled = replace(branching(), name="My-Pipeline")
    place = "arn:${smp:partition}:sagemaker:${smp:region}:${smp:account_id}:pipeline"
    for statement in dag_permissions(compiled):
        names = {item.removeprefix(f"{place}/").partition("/")[0] for item in statement.resources}
        assert names == {"My-Pipeline", "my-pipeline"}
        assert all(action.startswith("sagemaker:") for action in statement.actions)
    actions = {action for statement in dag_permissions(compiled) for action in statement.actions}
    assert not [action for action in actions if "Create" in action or "Pass" in action]


def test_fails_with_a_schedule_that_airflow_does_not_have() -> None:
    yearly = replace(DAILY, expression="cron(0 6 1 1 ? 2030)")
    with pytest.raises(ExportError, match="it knows no years"):
        render_dag(replace(branching(), triggers=(yearly,)))


def test_the_command_takes_the_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "airflow", "churn-lightgbm", "-o", str(tmp_path), "--workspace", str(ROOT)]
    assert main([*words, "--mode", "start"]) == 0
    files = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {
        "airflow.json",
        "churn-lightgbm.py",
        "churn-lightgbm_values.json",
        "smp_airflow.py",
        "smp_airflow_start.py",
        "values.json",
    }
    assert sorted(json.loads((tmp_path / "values.json").read_text())) == [
        "account_id",
        "partition",
        "region",
    ]
    assert "deploy the pipeline to SageMaker" in capsys.readouterr().out
    assert main([words[0], "stepfunctions", *words[2:], "--mode", "start"]) == 1
    assert "--mode is for Airflow" in capsys.readouterr().err
