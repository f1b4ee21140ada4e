"""One pipeline on three targets, deployed by the real CDK CLI to an emulated account, and taken off two."""

import json
from collections.abc import Iterator

import pytest

from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.definition.deploy_values import substitute
from smp.export.airflow import dag_values, render_dag
from smp.export.airflow.runtime_files import all_runtime_files
from smp.export.stepfunctions import render_state_machine
from smp.graph import build_graphs
from tests.emulator.emulator import ACCOUNT, REGION, Emulator, running_emulator
from tests.emulator.test_deployment import (
    CHURN_CONFIG,
    SWITCHED_OFF,
    changed,
    copy_of_the_app,
    real_values,
    stack_of,
)

pytestmark = pytest.mark.emulator

NAME = "churn-lightgbm"
TARGETS = "    targets: [sagemaker, stepfunctions, airflow]\n"
TRIGGERS = """\
        target: stepfunctions
      - name: new-customers
        type: data
        prefix: incoming/
        target: stepfunctions
"""
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{NAME}"
ORCHESTRATION = "Smp-Orchestration"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """A copy of this app with one pipeline and an Airflow, deployed."""
    app = copy_of_the_app(tmp_path_factory.mktemp("app"))
    changed(
        app / CHURN_CONFIG, f"    pipelineName: {NAME}\n", f"    pipelineName: {NAME}\n{TARGETS}"
    )
    changed(app / CHURN_CONFIG, SWITCHED_OFF, TRIGGERS)
    settings = json.loads((app / "cdk.json").read_text(encoding="utf-8"))
    settings["context"]["smp"] = {
        "modelConfigs": CHURN_CONFIG.as_posix(),
        "environments": {"default": {"orchestration": {"type": "mwaa"}}, "prod": {}},
    }
    (app / "cdk.json").write_text(json.dumps(settings), encoding="utf-8")
    with running_emulator(app, tmp_path_factory.mktemp("home")) as emulator:
        emulator.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        emulator.cdk("deploy", "--all", "--require-approval", "never")
        yield emulator


@pytest.fixture(scope="module")
def compiled(deployed: Emulator, tmp_path_factory: pytest.TempPathFactory) -> CompiledPipeline:
    graphs = build_graphs(load_project(deployed.app, CHURN_CONFIG.as_posix()))
    (pipeline,) = compile_all(graphs, tmp_path_factory.mktemp("work")).result()
    return pipeline


def dag_bucket(emulator: Emulator) -> str:
    return emulator.outputs(ORCHESTRATION)["DagBucket"]


def test_the_state_machine_is_deployed_as_exported(
    deployed: Emulator, compiled: CompiledPipeline
) -> None:
    machine = deployed.client("stepfunctions").describe_state_machine(stateMachineArn=MACHINE)
    names = {"partition": "aws", "url_suffix": "amazonaws.com"}
    values = {**real_values(deployed, compiled), **names}
    expected = substitute(render_state_machine(compiled), values.__getitem__)
    assert json.loads(machine["definition"]) == expected


def test_its_triggers_start_the_state_machine(deployed: Emulator) -> None:
    group = f"{NAME}-stepfunctions"
    schedule = deployed.client("scheduler").get_schedule(GroupName=group, Name="weekly")
    assert schedule["Target"]["Arn"] == MACHINE
    assert schedule["Target"]["Input"] == "{}"
    rules = deployed.client("events").list_rule_names_by_target(TargetArn=MACHINE)["RuleNames"]
    assert rules == [f"{NAME}-new-customers-stepfunctions"]


def test_the_dag_lies_where_airflow_reads_it_with_the_values_of_the_account(
    deployed: Emulator, compiled: CompiledPipeline
) -> None:
    files = deployed.objects(dag_bucket(deployed), "dags/")
    rendered = render_dag(compiled)
    assert files[f"{NAME}/{NAME}.py"].decode() == rendered[f"{NAME}.py"]
    values = json.loads(files[f"{NAME}/{NAME}_values.json"])
    known = real_values(deployed, compiled)
    assert values == {name: known[name] for name in dag_values(compiled)}
    shared = {name for name in files if not name.startswith(f"{NAME}/")}
    assert shared == {*all_runtime_files(), ".airflowignore"}


def test_targets_that_leave_are_named_and_leave_nothing(deployed: Emulator) -> None:
    (role,) = deployed.resources(stack_of(NAME), "AWS::IAM::Role", "JobRole")
    changed(deployed.app / CHURN_CONFIG, TARGETS, "    targets: stepfunctions\n")
    printed = deployed.cdk("diff", stack_of(NAME), "--exclusively", "--fail", succeeds=False)
    assert f"{NAME}: targets" in printed
    assert "[-] AWS::SageMaker::Pipeline" in printed
    deployed.cdk("deploy", stack_of(NAME), "--require-approval", "never")
    assert deployed.client("sagemaker").list_pipelines()["PipelineSummaries"] == []
    assert deployed.objects(dag_bucket(deployed), f"dags/{NAME}/") == {}
    assert deployed.objects(dag_bucket(deployed), "dags/") != {}
    deployed.client("stepfunctions").describe_state_machine(stateMachineArn=MACHINE)
    assert deployed.resources(stack_of(NAME), "AWS::IAM::Role", "JobRole") == [role]
