"""Workflows of MWAA Serverless: what does not fit is refused, all of it, with the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from smp.definition.triggers import Schedule
from smp.export.airflow import render_serverless
from smp.export.airflow.serverless import serverless_notes
from smp.export.refusal import ExportError
from tests.export import definitions as d
from tests.export.airflow.deployment import example
from tests.export.airflow.fitting import fitting_pipeline


def test_references_are_templates_and_numbers_stay_numbers() -> None:
    workflow = yaml.safe_load(render_serverless(fitting_pipeline()))["demo"]
    fit = workflow["tasks"]["fit"]["config"]
    assert fit["ResourceConfig"]["VolumeSizeInGB"] == 10
    assert fit["ResourceConfig"]["InstanceCount"] == "{{ params['machines'] }}"
    source = fit["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == (
        "{{ (ti.xcom_pull(task_ids='prepare').Processing.ProcessingOutputConfig.Outputs"
        " | selectattr('OutputName', 'equalto', 'out') | first).S3Output.S3Uri }}"
    )
    assert workflow["params"] == {"raw": "s3://${smp:bucket}/raw", "machines": "1"}
    assert workflow["schedule"] == "30 5 * * MON-FRI"
    assert workflow["tasks"]["predict"]["dependencies"] == ["make"]


def test_lists_of_the_deployment_stand_on_one_line() -> None:
    fit = d.training("fit")
    fit["Arguments"]["VpcConfig"] = {"Subnets": ["${smp:subnets}"], "SecurityGroupIds": ["sg-1"]}
    assert 'Subnets: ["${smp:subnets}"]' in render_serverless(d.pipeline(fit))


def test_a_model_is_deleted_by_the_providers_operator() -> None:
    compiled = d.pipeline(
        d.training("fit"), d.model("make", "fit"), d.delete_model("remove", "make")
    )
    tasks = yaml.safe_load(render_serverless(compiled))["demo"]["tasks"]
    assert tasks["remove"]["operator"].endswith(".SageMakerDeleteModelOperator")
    assert tasks["remove"]["dependencies"] == ["make"]
    assert tasks["remove"]["config"]["ModelName"] == tasks["make"]["config"]["ModelName"] or (
        "xcom_pull(task_ids='make')" in tasks["remove"]["config"]["ModelName"]
    )


def test_what_holds_differently_is_said() -> None:
    told = "\n".join(serverless_notes(fitting_pipeline()))
    assert "a task ends after 60 minutes" in told
    assert "stopped counts as done" in told


def test_fails_with_each_step_that_does_not_fit() -> None:
    with pytest.raises(ExportError) as raised:
        render_serverless(example("churn-lightgbm"))
    assert [problem.path for problem in raised.value.problems] == [
        "churn-lightgbm.churn-gate",
        "churn-lightgbm.churn-register-RegisterModel",
        "churn-lightgbm.churn-refuse",
    ]


def test_fails_where_values_would_lose_their_type_or_tasks_their_time() -> None:
    fit = d.training("fit")
    fit["Arguments"]["EnableManagedSpotTraining"] = d.get("Parameters.spot")
    fit["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 7200}
    later = d.processing("later", DependsOn=d.failed("fit"))
    later["Arguments"]["Environment"] = {"A": "{{ x }}"}
    compiled = d.pipeline(
        fit, later, parameters=[d.parameter("spot", "Boolean", DefaultValue=True)]
    )
    schedule = Schedule(
        "s", target="airflow", expression="cron(0 6 * * ? *)", timezone="Europe/Berlin"
    )
    with pytest.raises(ExportError) as raised:
        render_serverless(replace(compiled, triggers=(schedule,)))
    told = str(raised.value)
    assert "spot as a Boolean in EnableManagedSpotTraining: its values are texts" in told
    assert "a job of up to 7200 seconds: a task ends after 3600" in told
    assert "a step that runs after a failure" in told
    assert "which is a template to it" in told
    assert "the time zone Europe/Berlin" in told
