"""What DAGs do when they run: the same tests for each version of Airflow, against the emulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.triggers import Schedule
from tests.export import definitions as d
from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.deployment import (
    BUCKET,
    approve_model,
    example,
    examples,
    files_of,
    refused_calls,
)
from tests.export.airflow.emulated_service import EmulatedService, Ending

Json = dict[str, Any]
QUICK = [
    {
        "ExceptionType": ["SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT"],
        "IntervalSeconds": 1,
        "BackoffRate": 1.0,
        "MaxAttempts": 2,
    }
]
REPORT = "model_evaluation_metrics"
FOUR_KINDS = (
    d.processing("prepare"),
    d.training("fit"),
    d.tuning("search"),
    d.training("other-fit"),
    d.model("other-model", "other-fit"),
    d.transform("predict", "other-model"),
)
"""A job of each kind."""


def steps_named(*names: str) -> CompiledPipeline:
    """Return a pipeline of steps of these names, with all that its file can use."""
    first, second, gate, inner, late, *others = names
    report = [d.compare(d.value_of(first, name), "Equals", 1) for name in ("context", "resolve")]
    return replace(
        d.pipeline(
            d.processing(first),
            d.processing(second, d.output_of(first), RetryPolicies=d.FAULTS),
            d.condition(
                gate,
                [d.compare(d.value_of(first, "only_after"), "Equals", 1), *report],
                [d.processing(inner)],
                [d.processing(late)],
            ),
            *(d.processing(name, RetryPolicies=QUICK) for name in others),
            d.processing("after-failure", DependsOn=d.failed(second)),
            parameters=[d.parameter("task", DefaultValue="a")],
        ),
        triggers=(
            Schedule(
                "n", target="airflow", expression="cron(0 6 * * ? *)", end="2040-01-01T00:00:00Z"
            ),
        ),
    )


def states(run: Json) -> Mapping[str, str]:
    return {name: task["state"] for name, task in run["tasks"].items()}


def created(service: EmulatedService, operation: str) -> list[Json]:
    return [call.request for call in service.calls if call.operation == operation]


class Schedules:
    """When the scheduler starts a DAG by itself; the module of a subclass names the environment."""

    @pytest.mark.parametrize("ago", [timedelta(minutes=2), timedelta(hours=2), timedelta(hours=20)])
    def test_a_schedule_waits_for_its_next_time(
        self, airflow: AirflowProcess, ago: timedelta
    ) -> None:
        now = datetime.now(UTC)
        due = now - ago
        daily = Schedule("daily", target="airflow", expression=f"cron({due:%M %H} * * ? *)")
        expected = due.replace(second=0, microsecond=0) + timedelta(days=1)
        begun = "2025-01-01T00:00:00Z"
        for number, schedule in enumerate([daily, replace(daily, start=begun)]):
            name = f"waits-{number}-{ago.seconds}"
            compiled = replace(d.pipeline(d.processing("a"), name=name), triggers=(schedule,))
            airflow.place(files_of(compiled))
            assert airflow.next_run(name) == expected

    def test_a_run_that_is_due_is_not_lost_when_the_file_is_read_again(
        self, airflow: AirflowProcess
    ) -> None:
        every = Schedule("often", target="airflow", expression="cron(* * * * ? *)")
        compiled = replace(d.pipeline(d.processing("a"), name="often"), triggers=(every,))
        airflow.place(files_of(compiled))
        assert airflow.next_run("often") <= datetime.now(UTC)

    def test_a_schedule_begins_at_its_start(self, airflow: AirflowProcess) -> None:
        start = datetime(2040, 5, 1, 10, tzinfo=UTC)
        daily = Schedule(
            "daily", target="airflow", expression="cron(0 6 * * ? *)", start="2040-05-01T10:00:00Z"
        )
        compiled = replace(d.pipeline(d.processing("a"), name="later"), triggers=(daily,))
        airflow.place(files_of(compiled))
        assert airflow.next_run("later") == start.replace(day=2, hour=6)


class DagRuns(Schedules):
    """The tests; the module of a subclass names the environment."""

    def run(
        self,
        airflow: AirflowProcess,
        service: EmulatedService,
        compiled: CompiledPipeline,
        **conf: Any,
    ) -> Json:
        """Run a pipeline's DAG; every call has to be one that the DAG's permissions allow."""
        airflow.place(files_of(compiled))
        before = len(service.calls)
        run = airflow.run(compiled.name, **conf)
        assert "import_errors" not in run, run["import_errors"]
        assert not refused_calls(compiled, service.calls[before:])
        return run

    def test_every_example_is_read_without_an_error_in_less_than_a_second(
        self, airflow: AirflowProcess
    ) -> None:
        airflow.place(*(files_of(compiled) for compiled in examples()))
        airflow.parse()
        found = airflow.parse()
        assert found["import_errors"] == {}
        assert set(found["dags"]) == {compiled.name for compiled in examples()}
        assert found["seconds"] < len(found["dags"])
        provider = {
            task_id: task["bases"]
            for task_id, task in found["dags"]["churn-lightgbm"]["tasks"].items()
        }
        assert "SageMakerTrainingOperator" in provider["churn-training"]
        assert "SageMakerModelOperator" in provider["churn-create-model-CreateModel"]
        assert "SageMakerTransformOperator" in provider["churn-transform"]
        assert "SageMakerProcessingOperator" in provider["churn-metrics"]

    def test_every_name_of_a_step_works(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        """Names of the file, of Python and of the runtime; those that look alike; the longest ones."""
        compiled = steps_named(
            "task", "resolve", "any-failure", "any_failure", "only-after", "step", "class", "dag",
            "DAG", "context", "pendulum", "Get", "VALUES", "side-of-gate", "1-fit", "a_b", "a-b",
            "A-B", "values", "x" * 64, "value", "cron", "not-before", "read-values", "timedelta",
            "step-task", "none", "True", "print", "_", "-",
        )  # fmt: skip
        report = {"only_after": 2, "context": 1, "resolve": 1}
        service.reports["out"] = ("report.json", report)
        run = self.run(airflow, service, compiled)
        found = dict(states(run))
        skipped = {name for name, state in found.items() if state == "skipped"}
        assert set(found.values()) == {"success", "skipped"}, found
        assert skipped == {"any_failure", "after-failure", "any.failure"}

    @pytest.mark.parametrize(("auc", "chosen"), [(0.91, "register"), (0.6, "refuse")])
    def test_a_gate_runs_one_side_and_requests_are_resolved(
        self, airflow: AirflowProcess, service: EmulatedService, auc: float, chosen: str
    ) -> None:
        report = {"binary_classification_metrics": {"auc": {"value": auc}}}
        service.reports[REPORT] = (f"{REPORT}.json", report)
        run = self.run(airflow, service, example("churn-lightgbm"))
        registers = chosen == "register"
        assert run["state"] == ("success" if registers else "failed")
        assert states(run) == {
            "churn-training": "success",
            "churn-create-model-CreateModel": "success",
            "churn-transform": "success",
            "churn-metrics": "success",
            "churn-gate": "success",
            "churn-register-RegisterModel": "success" if registers else "skipped",
            "churn-refuse": "skipped" if registers else "failed",
        }
        assert len(created(service, "CreateModelPackage")) == (1 if registers else 0)
        if registers:
            _check_requests(service, run)
        else:
            assert "AUC 0.6 is below 0.8" in airflow.log()

    def test_two_models_of_one_pipeline_run_to_their_end(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        run = self.run(airflow, service, example("housing"))
        assert set(states(run).values()) == {"success"}, states(run)

    @pytest.mark.parametrize("is_gone", [False, True])
    def test_a_model_is_deleted_after_its_last_use(
        self, airflow: AirflowProcess, service: EmulatedService, is_gone: bool
    ) -> None:
        compiled = d.pipeline(
            d.training("fit"),
            d.model("make", "fit"),
            d.transform("predict", "make"),
            d.delete_model("remove", "make", DependsOn=["predict"]),
        )
        if is_gone:
            service.refusals["DeleteModel"] = ("Could not find model", 1)
        run = self.run(airflow, service, compiled)
        assert set(states(run).values()) == {"success"}
        (made,), (deleted,) = created(service, "CreateModel"), created(service, "DeleteModel")
        assert deleted == {"ModelName": made["ModelName"]}
        operations = [call.operation for call in service.calls]
        assert operations.index("DeleteModel") > operations.index("CreateTransformJob")

    def test_an_approved_version_is_looked_up_by_the_task_itself(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        approve_model(service, "churn-lightgbm", f"s3://{BUCKET}/models/churn-lightgbm/m.tar.gz")
        report = {"invalid": 0, "at_risk": {"share": 0.2}}
        service.reports[REPORT] = (f"{REPORT}.json", report)
        run = self.run(airflow, service, example("churn-batch"))
        assert states(run)["batch-offers"] == "success", (states(run), run["log"])
        (model,) = created(service, "CreateModel")
        assert "model-package/churn-lightgbm/" in str(model)

    @pytest.mark.parametrize("status", ["Failed", "Stopped"])
    def test_fails_where_a_job_of_any_kind_does_not_complete(
        self, airflow: AirflowProcess, service: EmulatedService, status: str
    ) -> None:
        jobs = ("prepare", "-fit", "search", "predict")
        service.endings = [Ending(f"demo-{job.strip('-')}", status) for job in jobs]
        policies = [dict(step, RetryPolicies=d.FAULTS) for step in FOUR_KINDS]
        run = self.run(airflow, service, d.pipeline(*policies))
        assert run["state"] == "failed"
        assert states(run) == {
            "prepare": "failed",
            "fit": "failed",
            "search": "failed",
            "other-fit": "success",
            "other-model": "success",
            "predict": "failed",
        }
        assert {task["tries"] for task in run["tasks"].values()} == {1}

    def test_a_fault_of_the_service_is_tried_again_under_another_name(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        service.endings = [
            Ending("demo-fit", reason="CapacityError: no such machines now", times=1),
            Ending("demo-search", reason="CapacityError: no such machines now"),
        ]
        service.refusals["CreateProcessingJob"] = ("ResourceLimitExceeded", 1)
        steps = [dict(step, RetryPolicies=QUICK) for step in FOUR_KINDS[:3]]
        run = self.run(airflow, service, d.pipeline(*steps))
        assert states(run) == {"prepare": "success", "fit": "success", "search": "failed"}
        tries = {name: task["tries"] for name, task in run["tasks"].items()}
        assert tries == {"prepare": 2, "fit": 2, "search": 3}
        names = [item["TrainingJobName"] for item in created(service, "CreateTrainingJob")]
        searches = created(service, "CreateHyperParameterTuningJob")
        names += [item["HyperParameterTuningJobName"] for item in searches]
        assert len(set(names)) == 5
        assert max(len(item["HyperParameterTuningJobName"]) for item in searches) <= 32

    def test_the_best_job_of_a_search_is_read_by_later_steps(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        best = d.get("Steps.search.HyperParameterTuningJobName")
        reading = d.processing("look", d.join(f"{d.BUCKET}/models", best))
        run = self.run(airflow, service, d.pipeline(d.tuning("search"), reading))
        assert set(states(run).values()) == {"success"}
        (search,) = created(service, "CreateHyperParameterTuningJob")
        (look,) = created(service, "CreateProcessingJob")
        name = search["HyperParameterTuningJobName"]
        assert look["ProcessingInputs"][0]["S3Input"]["S3Uri"] == f"s3://{BUCKET}/models/{name}"

    def test_parameters_reach_requests_in_their_types(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        step = d.training("fit", d.get("Parameters.data"))
        step["Arguments"]["ResourceConfig"]["InstanceCount"] = d.get("Parameters.machines")
        step["Arguments"]["EnableManagedSpotTraining"] = d.get("Parameters.spot")
        text = d.join("n", d.get("Parameters.machines"), d.get("Parameters.spot"), on="-")
        step["Arguments"]["HyperParameters"] = {"text": text}
        parameters = [
            d.parameter(
                "data", DefaultValue="s3://data/none", EnumValues=["s3://data/none", "s3://data/b"]
            ),
            d.parameter("machines", "Integer", DefaultValue=1),
            d.parameter("spot", "Boolean", DefaultValue=False),
        ]
        compiled = d.pipeline(step, parameters=parameters)
        self.run(airflow, service, compiled)
        self.run(airflow, service, compiled, data="s3://data/b", machines=3, spot=True)
        first, second = created(service, "CreateTrainingJob")
        assert first["ResourceConfig"]["InstanceCount"] == 1
        assert first["EnableManagedSpotTraining"] is False
        assert first["HyperParameters"] == {"text": "n-1-false"}
        assert second["ResourceConfig"]["InstanceCount"] == 3
        assert second["EnableManagedSpotTraining"] is True
        source = second["InputDataConfig"][0]["DataSource"]["S3DataSource"]
        assert source["S3Uri"] == "s3://data/b"

    @pytest.mark.parametrize("fails", [True, False])
    def test_what_runs_after_a_failure_runs_then_only_and_saves_no_run(
        self, airflow: AirflowProcess, service: EmulatedService, fails: bool
    ) -> None:
        compiled = d.pipeline(
            d.processing("prepare"),
            d.training("fit", d.output_of("prepare")),
            d.processing("tidy-up", DependsOn=d.failed("fit")),
            d.processing("tidy-more", DependsOn=d.failed("prepare")),
            d.condition("never", [d.compare(1, "Equals", 2)], [d.processing("nothing")]),
        )
        if fails:
            service.endings = [Ending("demo-fit")]
        run = self.run(airflow, service, compiled)
        assert run["state"] == ("failed" if fails else "success")
        found = states(run)
        assert found["fit"] == ("failed" if fails else "success")
        assert found["tidy-up"] == ("success" if fails else "skipped")
        assert found["tidy-more"] == "skipped"

    def test_a_step_after_one_that_never_ran_is_not_its_rescue(
        self, airflow: AirflowProcess, service: EmulatedService
    ) -> None:
        compiled = d.pipeline(
            d.processing("prepare"),
            d.training("fit", d.output_of("prepare")),
            d.processing("tidy-up", DependsOn=d.failed("fit")),
        )
        service.endings = [Ending("demo-prepare")]
        run = self.run(airflow, service, compiled)
        assert states(run)["fit"] == "upstream_failed"
        assert states(run)["tidy-up"] == "skipped"
        assert run["state"] == "failed"

    def test_fails_at_reading_with_every_value_that_is_missing(
        self, airflow: AirflowProcess
    ) -> None:
        files = dict(files_of(example("churn-lightgbm")))
        files["churn-lightgbm_values.json"] = (
            '{"bucket": "data", "region": "", "subnets": ["${smp:subnets}"]}'
        )
        airflow.place(files)
        (error,) = airflow.parse()["import_errors"].values()
        assert (
            "churn-lightgbm_values.json gives no value for: "
            "account_id, kms_key_arn, region, role_arn, security_group_ids, subnets"
        ) in error


def _check_requests(service: EmulatedService, run: Json) -> None:
    """Expressions are resolved and keep their types."""
    (training,) = created(service, "CreateTrainingJob")
    (transform,) = created(service, "CreateTransformJob")
    (model,) = created(service, "CreateModel")
    (metrics,) = created(service, "CreateProcessingJob")
    (package,) = created(service, "CreateModelPackage")
    assert training["HyperParameters"]["num_boost_round"] == "400"
    assert training["ResourceConfig"]["InstanceCount"] == 1
    assert training["EnableInterContainerTrafficEncryption"] is True
    assert training["VpcConfig"]["Subnets"] == ["subnet-1", "subnet-2"]
    artifact = model["PrimaryContainer"]["ModelDataUrl"]
    assert artifact.startswith(f"s3://{BUCKET}/models/churn-lightgbm/churn-training/")
    assert transform["ModelName"] == model["ModelName"]
    predictions = transform["TransformOutput"]["S3OutputPath"]
    inputs = {item["InputName"]: item["S3Input"] for item in metrics["ProcessingInputs"]}
    assert inputs["churn-transform-input"]["S3Uri"] == f"{predictions}/"
    written = metrics["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    quality = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert quality == f"{written}/{REPORT}.json"
    run_of = package["CustomerMetadataProperties"]["PIPELINE_ARN"]
    assert run_of == f"airflow:churn-lightgbm/{run['run_id']}"
    assert package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == artifact
