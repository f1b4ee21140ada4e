"""The version of Amazon MWAA runs DAGs too, and AWS's own package accepts workflows of MWAA Serverless."""

from __future__ import annotations

import pytest
import yaml

from smp.definition.deploy_values import substitute
from smp.export.airflow import render_serverless
from tests.export import definitions as d
from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.dag_runs import Schedules
from tests.export.airflow.deployment import BUCKET, examples, files_of, refused_calls, value
from tests.export.airflow.emulated_service import EmulatedService, Ending
from tests.export.airflow.fitting import fitting_pipeline
from tests.export.airflow.start_runs import StartRuns, branching

ENVIRONMENT = "airflow-mwaa"
pytestmark = pytest.mark.slow


class TestSchedules(Schedules):
    """On the version of requirements/airflow-mwaa.lock."""


class TestStarts(StartRuns):
    """DAGs that start the pipeline of SageMaker."""


def test_every_example_is_read(airflow: AirflowProcess) -> None:
    airflow.place(*(files_of(compiled) for compiled in examples()))
    found = airflow.parse()
    assert found["import_errors"] == {}
    assert set(found["dags"]) == {compiled.name for compiled in examples()}


def test_a_gate_a_failure_and_what_runs_after_it(
    airflow: AirflowProcess, service: EmulatedService
) -> None:
    compiled = d.pipeline(
        d.processing("prepare"),
        d.condition(
            "good",
            [d.compare(d.value_of("prepare", "score"), "GreaterThan", 0.5)],
            [d.training("fit")],
            [d.fail("refuse")],
        ),
        d.processing("tidy-up", DependsOn=d.failed("prepare")),
    )
    service.reports["out"] = ("report.json", {"score": 0.7})
    service.endings = [Ending("demo-fit", "Stopped")]
    airflow.place(files_of(compiled))
    run = airflow.run("demo")
    assert run["state"] == "failed"
    assert {name: task["state"] for name, task in run["tasks"].items()} == {
        "prepare": "success",
        "good": "success",
        "fit": "failed",
        "refuse": "skipped",
        "tidy-up": "skipped",
        "any.failure": "failed",
    }
    assert not refused_calls(compiled, service.calls)


def test_a_workflow_that_fits_is_valid(airflow: AirflowProcess) -> None:
    found = airflow.validate(render_serverless(fitting_pipeline()))
    assert found == {"unknown": [], "valid": True, "reason": found["reason"]}


def test_a_workflow_that_starts_the_pipeline_is_valid_and_waits_for_its_end(
    airflow: AirflowProcess, service: EmulatedService
) -> None:
    text = render_serverless(branching())
    found = airflow.validate(text)
    assert found == {"unknown": [], "valid": True, "reason": found["reason"]}
    service.executions.script = [{}, {"task": {"StepStatus": "Executing"}}, {}]
    workflow = substitute(yaml.safe_load(text), value)
    # In a test run, Airflow 3.0 reads the date of a sensor's first look as a text and cannot wait anew.
    workflow["demo"]["tasks"]["execution.end"] |= {"poke_interval": 1, "mode": "poke"}
    airflow.place({"workflow.yaml": yaml.safe_dump(workflow), "load.py": LOADER})
    run = airflow.run("demo", rows="7")
    assert run["state"] == "success", (run, airflow.log()[-3000:])
    (execution,) = service.executions.executions
    assert {p["Name"]: p["Value"] for p in execution.request["PipelineParameters"]} == {
        "rows": "7",
        "spot": "true",
        "rate": "0.5",
        "data": "s3://smp-data/in",
    }
    assert execution.status == "Succeeded"
    assert not refused_calls(branching(), service.calls)


@pytest.mark.parametrize("spoilt", ["operator", "key", "dependency"])
def test_fails_where_a_workflow_is_spoilt(airflow: AirflowProcess, spoilt: str) -> None:
    workflow = yaml.safe_load(render_serverless(fitting_pipeline()))
    task = workflow["demo"]["tasks"]["predict"]
    if spoilt == "operator":
        task["operator"] = task["operator"].replace("Transform", "Condition")
    elif spoilt == "key":
        task["retry_policies"] = []
    else:
        task["dependencies"] = ["nothing"]
    found = airflow.validate(yaml.safe_dump(workflow))
    assert found["unknown"] or not found["valid"]


LOADER = """from airflow import DAG
from dagfactory import load_yaml_dags

load_yaml_dags(globals_dict=globals(), config_filepath=__file__.replace("load.py", "workflow.yaml"))
"""


def test_a_workflow_runs_with_the_operators_of_the_provider(
    airflow: AirflowProcess, service: EmulatedService
) -> None:
    for prefix in ("raw", "data", "test"):
        service.client("s3").put_object(Bucket=BUCKET, Key=f"{prefix}/part.csv", Body=b"1")
    service.reports["out"] = ("part.csv", 1)
    workflow = substitute(yaml.safe_load(render_serverless(fitting_pipeline())), value)
    for task in workflow["demo"]["tasks"].values():
        if not task["operator"].endswith("ModelOperator"):
            task["check_interval"] = 0
    airflow.place({"workflow.yaml": yaml.safe_dump(workflow), "load.py": LOADER})
    run = airflow.run("demo")
    assert run["state"] == "success", (run, airflow.log()[-3000:])
    made = {call.operation: call.request for call in service.created()}
    assert made["CreateTrainingJob"]["ResourceConfig"]["InstanceCount"] == 1
    written = made["CreateProcessingJob"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    channel = made["CreateTrainingJob"]["InputDataConfig"][0]["DataSource"]["S3DataSource"]
    assert channel["S3Uri"] == written["S3Uri"]
    assert made["CreateTransformJob"]["ModelName"] == made["CreateModel"]["ModelName"]
    assert not refused_calls(fitting_pipeline(), service.calls)
