"""State machines for real: the emulator executes them, and its SageMaker answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.definitions import (
    FAULTS,
    compare,
    condition,
    fail,
    failed,
    function,
    get,
    join,
    model,
    output_of,
    parameter,
    pipeline,
    processing,
    register,
    training,
    transform,
    tuning,
    value_of,
)
from tests.export.emulated_states import Plan
from tests.export.step_functions import Engine

Json = dict[str, Any]
pytestmark = pytest.mark.slow

GATED = pipeline(
    processing("prep", "s3://raw/data"),
    training("fit", output_of("prep")),
    model("serve", "fit"),
    transform("predict", "serve"),
    processing("evaluate", get("Steps.predict.TransformOutput.S3OutputPath")),
    condition(
        "gate",
        [compare(value_of("evaluate", "metrics.auc"), "GreaterThanOrEqualTo", 0.8)],
        [register("keep", "fit")],
        [fail("refuse", join("auc is ", value_of("evaluate", "metrics.auc"), on=""))],
    ),
)


def report(engine: Engine, step: str, content: Any) -> None:
    """Put the report where a step of the next execution writes it."""
    engine.put(f"out/{engine.next_id()}/{step}/report.json", content)


def test_a_straight_pipeline_hands_on_what_each_step_made(engine: Engine) -> None:
    report(engine, "evaluate", {"metrics": {"auc": 0.9}})
    done = engine.run(GATED)
    assert (done.status, done.cause) == ("SUCCEEDED", "")
    (fit,) = done.called("createTrainingJob")
    uri = fit.request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"]
    assert uri == f"s3://smp-data/out/{done.id}/prep"
    (made,) = done.called("createModel")
    artifact = made.request["PrimaryContainer"]["ModelDataUrl"]
    assert artifact.startswith(f"s3://smp-data/models/{fit.request['TrainingJobName']}/")
    (predicted,) = done.called("createTransformJob")
    assert predicted.request["ModelName"] == made.request["ModelName"]
    (kept,) = done.called("createModelPackage")
    assert kept.request["InferenceSpecification"]["Containers"][0]["ModelDataUrl"] == artifact
    found = engine.sagemaker.list_model_packages(ModelPackageGroupName="demo-models")
    assert found["ModelPackageSummaryList"]


def test_the_other_side_of_a_condition_fails_with_its_message(engine: Engine) -> None:
    report(engine, "evaluate", {"metrics": {"auc": 0.5}})
    done = engine.run(GATED)
    assert (done.status, done.error, done.cause) == ("FAILED", "refuse", "auc is 0.5")
    assert not done.called("createModelPackage")


def test_a_group_is_made_once(engine: Engine) -> None:
    one = pipeline(training("fit"), register("keep", "fit", "only-once"))
    assert len(engine.run(one).called("createModelPackageGroup")) == 1
    again = engine.run(one)
    assert again.status == "SUCCEEDED"
    assert not again.called("createModelPackageGroup")


def test_a_missing_report_fails_the_step_that_reads_it(engine: Engine) -> None:
    done = engine.run(GATED)
    assert done.status == "FAILED"
    assert done.cause.startswith("gate: S3.")


def test_a_value_that_is_not_in_the_report_is_named(engine: Engine) -> None:
    report(engine, "evaluate", {"metrics": {}})
    done = engine.run(GATED)
    assert "Report of evaluate has no metrics.auc" in done.cause


def test_a_failed_job_ends_the_execution_with_its_reason(engine: Engine) -> None:
    done = engine.run(GATED, Plan(ends={"fit": ["AlgorithmError: exit code 1"]}))
    assert (done.status, done.error) == ("FAILED", "StepFailed")
    assert done.cause == "fit: AlgorithmError: exit code 1"
    assert done.states() == ["prep", "fit"]


def test_a_fault_of_a_script_is_not_tried_again(engine: Engine) -> None:
    one = pipeline(training("fit", RetryPolicies=FAULTS))
    done = engine.run(one, Plan(ends={"fit": ["AlgorithmError: exit code 1"]}))
    assert done.states() == ["fit"]
    assert done.status == "FAILED"


def test_a_fault_of_the_service_starts_a_job_of_another_name(engine: Engine) -> None:
    one = pipeline(training("fit", RetryPolicies=FAULTS), model("serve", "fit"))
    ends = ["CapacityError: no machine", "InternalServerError: again", None]
    done = engine.run(one, Plan(ends={"fit": ends}))
    assert done.status == "SUCCEEDED"
    names = [call.request["TrainingJobName"] for call in done.called("createTrainingJob")]
    assert len(set(names)) == 3
    assert done.waits == (60, 120)
    assert done.output["fit"] == {
        "ModelArtifacts.S3ModelArtifacts": f"s3://smp-data/models/{names[2]}/output/model.tar.gz"
    }


def test_faults_of_the_service_end_at_the_last_attempt(engine: Engine) -> None:
    one = pipeline(training("fit", RetryPolicies=FAULTS))
    done = engine.run(one, Plan(ends={"fit": ["CapacityError: no machine"]}))
    assert len(done.called("createTrainingJob")) == 3
    assert done.cause == "fit: CapacityError: no machine"


def test_a_time_for_retries_counts_from_the_first_attempt(engine: Engine) -> None:
    timed = [
        {**{k: v for k, v in policy.items() if k != "MaxAttempts"}, "ExpireAfterMin": 10}
        for policy in FAULTS
    ]
    one = pipeline(training("fit", RetryPolicies=timed))
    refused = "!SageMaker.AmazonSageMakerException: Rate exceeded"
    done = engine.run(one, Plan(ends={"fit": ["CapacityError: none", refused, None]}))
    assert done.status == "SUCCEEDED"
    assert done.waits == (60, 5)
    late = [{**policy, "ExpireAfterMin": 0} for policy in timed]
    over = engine.run(
        pipeline(training("fit", RetryPolicies=late)), Plan(ends={"fit": ["CapacityError: none"]})
    )
    assert (over.status, len(over.calls)) == ("FAILED", 1)


def test_a_refused_call_is_tried_again_under_another_name(engine: Engine) -> None:
    one = pipeline(training("fit", RetryPolicies=FAULTS))
    refused = "!SageMaker.AmazonSageMakerException: Rate exceeded"
    done = engine.run(one, Plan(ends={"fit": [refused, refused, None]}))
    assert done.status == "SUCCEEDED"
    names = [call.request["TrainingJobName"] for call in done.called("createTrainingJob")]
    assert len(set(names)) == 3
    assert done.waits == (5, 10)


def test_a_failed_step_stops_its_dependents_and_not_its_siblings(engine: Engine) -> None:
    wide = pipeline(
        training("one"),
        training("two"),
        model("of-one", "one"),
        model("of-two", "two"),
        transform("last", "of-one", DependsOn=["of-two"]),
    )
    done = engine.run(wide, Plan(ends={"two": ["AlgorithmError"]}))
    assert sorted(done.states()) == ["of-one", "one", "two"]
    assert (done.status, done.cause) == ("FAILED", "two: AlgorithmError")


def test_every_failure_is_told(engine: Engine) -> None:
    wide = pipeline(training("one"), training("two"))
    done = engine.run(wide, Plan(ends={"one": ["A: bad"], "two": ["B: worse"]}))
    assert done.cause == "one: A: bad; two: B: worse"


def test_a_failure_step_runs_after_a_failure_and_only_then(engine: Engine) -> None:
    tidy = pipeline(
        training("fit"), model("serve", "fit"), processing("tidy", DependsOn=failed("fit"))
    )
    assert engine.run(tidy).states() == ["fit", "serve"]
    done = engine.run(tidy, Plan(ends={"fit": ["AlgorithmError"]}))
    assert done.states() == ["fit", "tidy"]
    assert (done.status, done.cause) == ("FAILED", "fit: AlgorithmError")


def test_a_stopped_job_has_stopped_and_not_failed(engine: Engine) -> None:
    tidy = pipeline(
        training("fit"),
        processing("on-failure", DependsOn=failed("fit")),
        processing("on-stop", DependsOn=failed("fit", "Stopped")),
        processing("always", DependsOn=failed("fit", "Any")),
    )
    stopped = engine.run(tidy, Plan(ends={"fit": ["Stopped"]}))
    assert sorted(stopped.states()) == ["always", "fit", "on-stop"]
    broken = engine.run(tidy, Plan(ends={"fit": ["AlgorithmError"]}))
    assert sorted(broken.states()) == ["always", "fit", "on-failure"]
    assert sorted(engine.run(tidy).states()) == ["always", "fit"]


def test_the_best_job_of_a_tuning_step_is_used(engine: Engine) -> None:
    name = "tune-with-a-name-that-is-too-long"
    best = get(f"Steps.{name}.BestTrainingJob.TrainingJobName")
    steps = pipeline(tuning(name), processing("use", join("s3://smp-data/models", best, "x")))
    done = engine.run(
        steps, Plan(answers={name: {"BestTrainingJob": {"TrainingJobName": "tune-7"}}})
    )
    (tuned,) = done.called("createHyperParameterTuningJob")
    assert len(tuned.request["HyperParameterTuningJobName"]) <= 32
    (used,) = done.called("createProcessingJob")
    found = used.request["ProcessingInputs"][0]["S3Input"]["S3Uri"]
    assert found == "s3://smp-data/models/tune-7/x"


AUC = get("Steps.fit.FinalMetricDataList['auc'].Value")
BEST = get("Steps.ask.OutputParameters['best']")
OTHER: Json = {"FinalMetricDataList": [{"MetricName": "loss", "Value": 9.0}]}


def _not_zero(value: Json) -> Json:
    return {"Type": "Not", "Condition": compare(value, "Equals", 0)}


@pytest.mark.parametrize(
    ("asked", "missing"),
    [
        (_not_zero(AUC), "fit has no FinalMetricDataList.auc.Value; "),
        (_not_zero(BEST), "ask has no OutputParameters.best; "),
        (compare(AUC, "LessThan", 1), "fit has no FinalMetricDataList.auc.Value; "),
        ({"Type": "In", "QueryValue": BEST, "Values": ["x"]}, "ask has no OutputParameters.best; "),
        (
            {"Type": "Or", "Conditions": [compare(1, "Equals", 1), _not_zero(AUC)]},
            "fit has no FinalMetricDataList.auc.Value; ",
        ),
        (
            {"Type": "And", "Conditions": [_not_zero(AUC), _not_zero(BEST)]},
            "fit has no FinalMetricDataList.auc.Value; ask has no OutputParameters.best; ",
        ),
    ],
    ids=["not", "function", "order", "in", "or", "and"],
)
@pytest.mark.parametrize(
    "answer", [{}, {"best": None}, {"best": "0"}], ids=["absent", "null", "another type"]
)
def test_fails_for_a_gate_whose_value_is_missing(
    asked: Json, missing: str, answer: Json, engine: Engine
) -> None:
    gated = pipeline(
        training("fit"),
        function("ask", {}, {"best": "Float"}),
        condition("gate", [asked], [register("keep", "fit")], [fail("refuse", "no")]),
    )
    done = engine.run(gated, Plan(answers={"fit": OTHER}, function=lambda _: answer))
    assert (done.status, done.error) == ("FAILED", "StepFailed")
    assert done.cause == f"gate: {missing}"
    assert not done.called("createModelPackage")


def test_fails_for_a_text_that_a_missing_value_is_a_part_of(engine: Engine) -> None:
    noted = pipeline(
        training("fit"),
        processing("note", environment={"AUC": join("auc is ", AUC, on="")}),
        processing("tidy", DependsOn=failed("note")),
    )
    done = engine.run(noted, Plan(answers={"fit": OTHER}))
    assert done.states() == ["fit", "tidy"]
    assert done.cause == "note: fit has no FinalMetricDataList.auc.Value; "


def test_a_value_is_proven_once(engine: Engine) -> None:
    """The second reader comes after the first, which would have failed."""
    chained = pipeline(
        training("fit"),
        processing("one", environment={"AUC": join("", AUC, on="")}),
        processing("two", environment={"AUC": join("", AUC, on="")}, DependsOn=["one"]),
    )
    done = engine.run(
        chained,
        Plan(answers={"fit": {"FinalMetricDataList": [{"MetricName": "auc", "Value": 0.5}]}}),
    )
    assert done.status == "SUCCEEDED"
    (called,) = [call for call in done.calls if call.state == "two"]
    assert called.request["Environment"] == {"AUC": "0.5"}


def test_metrics_and_answers_of_functions_are_compared(engine: Engine) -> None:
    asked = pipeline(
        training("fit"),
        function("ask", {"question": join("a", get("Parameters.mode"), on="-")}, {"best": "Float"}),
        condition(
            "gate",
            [
                compare(
                    get("Steps.fit.FinalMetricDataList['auc'].Value"),
                    "GreaterThan",
                    get("Steps.ask.OutputParameters['best']"),
                )
            ],
            [model("serve", "fit")],
        ),
        parameters=[parameter("mode", DefaultValue="fast")],
    )
    metrics = {
        "FinalMetricDataList": [
            {"MetricName": "loss", "Value": 9.0},
            {"MetricName": "auc", "Value": 0.8},
        ]
    }
    events: list[Json] = []

    def answer(event: Json) -> Json:
        events.append(event)
        return {"best": 0.7}

    done = engine.run(asked, Plan(answers={"fit": metrics}, function=answer))
    assert done.status == "SUCCEEDED"
    assert events == [{"question": "a-fast"}]
    assert done.called("createModel")


def test_what_an_execution_is_called_goes_into_requests(engine: Engine) -> None:
    names = {
        "ID": get("Execution.PipelineExecutionId"),
        "ARN": get("Execution.PipelineExecutionArn"),
        "NAME": get("Execution.PipelineName"),
        "BEGAN": get("Execution.StartDateTime"),
    }
    done = engine.run(pipeline(processing("prep", environment=names), name="my-demo"))
    environment = done.calls[0].request["Environment"]
    assert environment["ID"] == done.id
    assert environment["ARN"].endswith(f":{done.id}")
    assert environment["NAME"] == "my-demo"
    assert environment["BEGAN"].startswith("20")


def test_at_most_so_many_jobs_run_at_once(engine: Engine) -> None:
    steps = [training(f"fit-{number}") for number in range(5)]
    for most in (1, 2):
        done = engine.run(pipeline(*steps, most=most))
        assert len(done.called("createTrainingJob")) == 5
        running = [
            sum(other.began < call.ended and call.began < other.ended for other in done.calls)
            for call in done.calls
        ]
        assert max(running) <= most + (most > 1)


def test_a_step_after_both_sides_runs_after_either(engine: Engine) -> None:
    """As the graph compiles it: once for each side."""
    steps = pipeline(
        processing("look"),
        condition(
            "big",
            [compare(value_of("look", "rows"), "GreaterThan", 100)],
            [training("fit"), model("serve", "fit")],
            [training("fit-else"), model("serve-else", "fit-else")],
        ),
        processing("other"),
    )
    report(engine, "look", {"rows": 7})
    done = engine.run(steps)
    assert sorted(set(done.states())) == [
        "big: read Report",
        "fit-else",
        "look",
        "other",
        "serve-else",
    ]
    assert done.output["big"] == {"Outcome": False}
