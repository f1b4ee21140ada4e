"""Condition and Fail steps in the definition, dependencies on failures, retry policies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.evaluate import Scope, resolve
from smp.graph import build_graph
from tests.compiler.compiling import arguments, compile_demo, processing_inputs, step
from tests.graph.workspace import load, pipeline_of

REPORT = (
    "prep: Processing\nfit: Training\nserve: CreateModel\n"
    "predict: Transform, chain_input_source_step: prep\n"
    "report: Metrics, chain_input_source_step: predict\n"
)
METRICS = (
    "{image_uri: 111122223333.dkr.ecr.eu-west-1.amazonaws.com/image:1, entry_point: train.py, "
    "metric_definitions: [{Name: 'valid:auc', Regex: 'auc=(.*)'}]}"
)
READ = {
    "Std:JsonGet": {
        "PropertyFile": {"Get": "Steps.report.PropertyFiles.EvaluationReport"},
        "Path": "auc",
    }
}
STEP_POLICY = {
    "ExceptionType": ["Step.SERVICE_FAULT", "Step.THROTTLING"],
    "IntervalSeconds": 5,
    "BackoffRate": 2.0,
    "MaxAttempts": 3,
}


def conditions(workspace: Path, text: str) -> Any:
    steps = f"{REPORT}gate: Condition, condition: '{text}', if_steps: keep\nkeep: RegisterModel"
    return arguments(compile_demo(workspace, steps, demo__train=METRICS), "gate")["Conditions"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "report.metrics.auc >= 0.8",
            [{"Type": "GreaterThanOrEqualTo", "LeftValue": READ, "RightValue": 0.8}],
        ),
        (
            "not (report.metrics.auc < 0.8 or report.metrics.auc == 1)",
            [
                {"Type": "GreaterThanOrEqualTo", "LeftValue": READ, "RightValue": 0.8},
                {
                    "Type": "Not",
                    "Condition": {"Type": "Equals", "LeftValue": READ, "RightValue": 1},
                },
            ],
        ),
        (
            "report.metrics.auc in [0, 1] or 2 < report.metrics.auc",
            [
                {
                    "Type": "Or",
                    "Conditions": [
                        {"Type": "In", "QueryValue": READ, "Values": [0, 1]},
                        {"Type": "LessThan", "LeftValue": 2, "RightValue": READ},
                    ],
                }
            ],
        ),
    ],
)
def test_a_condition_in_the_definition(text: str, expected: Any, tmp_path: Path) -> None:
    assert conditions(tmp_path, text) == expected


@pytest.mark.parametrize("written", ['["valid:auc"]', "['valid:auc']"])
def test_a_final_metric_whose_name_stands_in_quotes(written: str, tmp_path: Path) -> None:
    condition = json.dumps(f"fit.final_metrics{written} > 0")
    text = json.dumps(f"the AUC is ${{fit.final_metrics{written}}}")
    steps = (
        f"fit: Training\ngate: Condition, condition: {condition}, else_steps: stop\n"
        f"stop: Fail, message: {text}"
    )
    compiled = compile_demo(tmp_path, steps, demo__train=METRICS)
    read = {"Get": "Steps.fit.FinalMetricDataList['valid:auc'].Value"}
    (compared,) = arguments(compiled, "gate")["Conditions"]
    assert compared["LeftValue"] == read
    result = {"FinalMetricDataList": [{"MetricName": "valid:auc", "Value": 0.9}]}
    assert resolve(read, Scope({}, {}, {"fit": result})) == 0.9
    message = {"On": "", "Values": ["the AUC is ", read]}
    assert arguments(compiled, "stop") == {"ErrorMessage": {"Std:Join": message}}
    assert compiled.edges()["gate"] == ("fit",)


def test_a_metric_that_a_built_in_algorithm_reports(tmp_path: Path) -> None:
    steps = (
        "fit: Training\n"
        "gate: Condition, condition: 'fit.final_metrics[\"test:rmse\"] < 1', else_steps: stop\n"
        "stop: Fail, message: none"
    )
    compiled = compile_demo(tmp_path, steps, demo__train="{algorithm: factorization-machines}")
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition["LeftValue"] == {"Get": "Steps.fit.FinalMetricDataList['test:rmse'].Value"}


def test_a_final_metric_of_a_training_job(tmp_path: Path) -> None:
    metrics = METRICS.replace("valid:auc", "auc")
    steps = (
        "fit: Training\ngate: Condition, condition: fit.final_metrics.auc > 0, else_steps: stop\n"
    )
    compiled = compile_demo(tmp_path, steps + "stop: Fail, message: none", demo__train=metrics)
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition["LeftValue"] == {"Get": "Steps.fit.FinalMetricDataList['auc'].Value"}
    assert compiled.edges()["gate"] == ("fit",)


def test_parameters_in_a_condition_and_a_message(tmp_path: Path) -> None:
    steps = "gate: Condition, condition: parameters.count > 1 and parameters.dry == true, if_steps: stop\n"
    text = pipeline_of(steps + "stop: Fail, message: 'count ${parameters.count}!'")
    text = text.replace(
        "    models:",
        "    parameters: [{name: count, type: Integer, default: 2}, {name: dry, type: Boolean}]\n"
        "    models:",
        1,
    )
    compiled = compile_pipeline(build_graph(load(tmp_path, text), "demo"), tmp_path / "store")
    assert arguments(compiled, "gate")["Conditions"] == [
        {"Type": "GreaterThan", "LeftValue": {"Get": "Parameters.count"}, "RightValue": 1},
        {"Type": "Equals", "LeftValue": {"Get": "Parameters.dry"}, "RightValue": True},
    ]
    message = {"On": "", "Values": ["count ", {"Get": "Parameters.count"}, "!"]}
    assert arguments(compiled, "stop") == {"ErrorMessage": {"Std:Join": message}}


def test_the_steps_of_a_branch_stand_inside_the_condition(tmp_path: Path) -> None:
    steps = (
        f"{REPORT}gate: Condition, condition: report.metrics.auc > 0, if_steps: keep, else_steps: stop\n"
        "keep: RegisterModel\nstop: Fail, message: 'AUC ${report.metrics.auc}'"
    )
    compiled = compile_demo(tmp_path, steps, "report >> gate >> keep")
    top = [item["Name"] for item in compiled.definition["Steps"]]
    assert top == ["prep", "fit", "serve-CreateModel", "predict", "report", "gate"]
    inside = arguments(compiled, "gate")
    assert [item["Name"] for item in inside["IfSteps"]] == ["keep-RegisterModel"]
    assert [item["Name"] for item in inside["ElseSteps"]] == ["stop"]
    assert arguments(compiled, "stop") == {
        "ErrorMessage": {"Std:Join": {"On": "", "Values": ["AUC ", READ]}}
    }
    assert "DependsOn" not in step(compiled, "keep-RegisterModel")
    assert compiled.edges()["keep-RegisterModel"] == ("fit", "gate", "report")


def test_a_copy_reads_what_its_own_side_made(tmp_path: Path) -> None:
    steps = (
        f"{REPORT}gate: Condition, condition: report.metrics.auc > 0, if_steps: a, else_steps: b\n"
        "a: Processing\nb: Processing\njoin: Processing, chain_input_source_step: [a, b]\n"
        "last: Processing, chain_input_source_step: join"
    )
    compiled = compile_demo(tmp_path, steps)
    edges = compiled.edges()
    assert edges["join"] == ("a", "gate")
    assert edges["join-else"] == ("b", "gate")
    names = set(processing_inputs(compiled, "last-else"))
    assert names == set(processing_inputs(compiled, "last"))  # a script sees no copies
    assert "join-input-train" in names


def test_a_step_after_a_failure(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "prep: Processing, on_failure: tidy\ntidy: Processing")
    assert step(compiled, "tidy")["DependsOn"] == [{"Step": "prep", "Trigger": "Failed"}]
    assert compiled.edges()["tidy"] == ("prep",)


class TestRetries:
    """Which policies a step gets."""

    def test_faults_of_the_service_are_retried_by_default(self, tmp_path: Path) -> None:
        compiled = compile_demo(tmp_path, REPORT + "keep: RegisterModel")
        assert step(compiled, "fit")["RetryPolicies"] == [
            STEP_POLICY,
            {
                "ExceptionType": [
                    "SageMaker.JOB_INTERNAL_ERROR",
                    "SageMaker.CAPACITY_ERROR",
                    "SageMaker.RESOURCE_LIMIT",
                ],
                "IntervalSeconds": 60,
                "BackoffRate": 2.0,
                "MaxAttempts": 3,
            },
        ]
        for name in ("serve-CreateModel", "keep-RegisterModel"):
            assert step(compiled, name)["RetryPolicies"] == [STEP_POLICY]

    def test_a_step_has_rules_of_its_own(self, tmp_path: Path) -> None:
        rules = "{causes: [capacity], expire_after_minutes: 90, interval_seconds: 30, backoff_rate: 1.5}"
        compiled = compile_demo(tmp_path, f"a: Processing, retry: {rules}\nb: Processing")
        assert step(compiled, "a")["RetryPolicies"] == [
            {
                "ExceptionType": ["SageMaker.CAPACITY_ERROR"],
                "IntervalSeconds": 30,
                "BackoffRate": 1.5,
                "ExpireAfterMin": 90,
            }
        ]
        assert step(compiled, "b")["RetryPolicies"][0] == STEP_POLICY

    def test_retries_can_be_turned_off(self, tmp_path: Path) -> None:
        compiled = compile_demo(tmp_path, "a: Processing, retry: {enabled: no}")
        assert "RetryPolicies" not in step(compiled, "a")
