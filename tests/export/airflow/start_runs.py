"""What DAGs do that start a SageMaker pipeline: the same tests for each version of Airflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from tests.export import definitions as d
from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.deployment import files_of, refused_calls
from tests.export.airflow.emulated_service import EmulatedService

Json = dict[str, Any]
CALLBACK: Json = {"Name": "ask", "Type": "Callback", "SqsQueueUrl": "https://q", "Arguments": {}}
DONE: Json = {"StepStatus": "Succeeded"}


def started(*steps: Json, **options: Any) -> CompiledPipeline:
    return replace(d.pipeline(*steps, **options), airflow_mode="start")


def branching() -> CompiledPipeline:
    """Return a pipeline with a gate, and with steps that a DAG of steps refuses or guards."""
    return started(
        d.processing("task"),
        dict(CALLBACK),
        d.condition(
            "gate",
            [d.compare(d.value_of("task", "auc"), "GreaterThan", 0.8)],
            [d.training("fit")],
            [d.fail("refuse")],
        ),
        d.processing("tidy-up", DependsOn=d.failed("task")),
        parameters=[
            d.parameter("rows", "Integer", DefaultValue=5),
            d.parameter("spot", "Boolean", DefaultValue=True),
            d.parameter("rate", "Float", DefaultValue=0.5),
            d.parameter("data", DefaultValue=f"{d.BUCKET}/in"),
        ],
    )


def gate(outcome: str) -> Json:
    return {**DONE, "Metadata": {"Condition": {"Outcome": outcome}}}


SCRIPT = [
    {"task": {"StepStatus": "Executing"}},
    {"task": DONE, "ask": {"StepStatus": "Executing"}},
    {"ask": DONE, "gate": gate("true")},
    {"fit": {"StepStatus": "Starting"}},
    {"fit": {**DONE, "Metadata": {"TrainingJob": {"Arn": "arn:job"}}}},
]


def states(run: Json) -> Mapping[str, str]:
    return {name: task["state"] for name, task in run["tasks"].items()}


class StartRuns:
    """The tests; the module of a subclass names the environment."""

    def run(
        self,
        airflow: AirflowProcess,
        service: EmulatedService,
        compiled: CompiledPipeline,
        **conf: Any,
    ) -> Json:
        airflow.place(files_of(compiled))
        run = airflow.run(compiled.name, **conf)
        assert "import_errors" not in run, run["import_errors"]
        assert not refused_calls(compiled, service.calls)
        return run

    def test_a_run_starts_one_execution_with_its_parameters_and_shows_its_steps(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        service.executions.script = SCRIPT
        run = self.run(airflow, service, branching(), rows=7, spot=False)
        assert run["state"] == "success"
        assert states(run) == {
            "execution.start": "success",
            "execution.end": "success",
            "task": "success",
            "ask": "success",
            "gate": "success",
            "fit": "success",
            "refuse": "skipped",
            "tidy-up": "skipped",
        }
        (execution,) = service.executions.executions
        assert execution.request["PipelineName"] == "demo"
        assert {p["Name"]: p["Value"] for p in execution.request["PipelineParameters"]} == {
            "rows": "7",
            "spot": "false",
            "rate": "0.5",
            "data": "s3://smp-data/in",
        }
        assert {call.operation for call in service.calls} == {
            "StartPipelineExecution",
            "DescribePipelineExecution",
            "ListPipelineExecutionSteps",
        }

    def test_an_answer_that_is_lost_starts_no_second_execution(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        service.executions.script = [{"a": DONE}]
        service.lost_answers = 1
        run = self.run(airflow, service, started(d.processing("a")))
        assert run["state"] == "success"
        assert len(service.executions.executions) == 1
        starts = [c for c in service.calls if c.operation == "StartPipelineExecution"]
        assert len(starts) > 1

    def test_two_runs_start_two_executions(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        service.executions.script = [{"a": DONE}]
        for _ in range(2):
            self.run(airflow, service, started(d.processing("a")))
        names = {e.request["PipelineExecutionDisplayName"] for e in service.executions.executions}
        assert len(names) == 2
        assert max(map(len, names)) <= 82

    @pytest.mark.parametrize("status", ["Failed", "Stopped"])
    def test_a_failed_step_fails_its_task_and_the_run(
        self, airflow: AirflowProcess, service: EmulatedService, status: str
    ) -> None:
        broken = {"StepStatus": status, "FailureReason": "AlgorithmError: no rows"}
        service.executions.script = [{"a": {"StepStatus": "Executing"}}, {"a": broken}]
        service.executions.ending = (status, "Step failure")
        compiled = started(d.processing("a"), d.training("b", d.output_of("a")))
        run = self.run(airflow, service, compiled)
        assert run["state"] == "failed"
        assert states(run) == {
            "execution.start": "success",
            "execution.end": "failed",
            "a": "failed",
            "b": "skipped",
        }
        assert {task["tries"] for task in run["tasks"].values()} == {1}

    def test_a_pipeline_that_cannot_be_started_fails_the_run_at_once(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        run = self.run(airflow, service, started(d.processing("a"), name="unknown"))
        assert run["state"] == "failed"
        assert states(run) == {
            "execution.start": "failed",
            "execution.end": "upstream_failed",
            "a": "skipped",
        }
        assert run["tasks"]["execution.start"]["tries"] == 1
