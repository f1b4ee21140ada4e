"""A failure of any type of step: the run says why, what waits is skipped, what does not continues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smp.definition.compiled import Json
from tests.local.pipelines import (
    BUCKET,
    ROLE,
    Workspace,
    condition,
    fail,
    greater,
    processing,
    statuses,
    step_of,
    training,
)

EXITS = ("/bin/sh", "-c", "echo bad luck >&2; exit 4")
MISSING = f"{BUCKET}/nothing/model.tar.gz"


def step(kind: str, **arguments: Any) -> Json:
    return {"Name": "bad", "Type": kind, "Arguments": arguments}


def model() -> Json:
    container = {"Image": "image:1", "ModelDataUrl": MISSING}
    return step("Model", ExecutionRoleArn=ROLE, PrimaryContainer=container)


def transform() -> Json:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{BUCKET}/data"}}
    return step(
        "Transform",
        ModelName="nobody-made-it",
        TransformInput={"DataSource": source},
        TransformOutput={"S3OutputPath": f"{BUCKET}/answers"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
    )


def register() -> Json:
    specification = {
        "Containers": [{"Image": "image:1", "ModelDataUrl": MISSING}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    return step(
        "RegisterModel", ModelPackageGroupName="group", InferenceSpecification=specification
    )


def tuning() -> Json:
    job = training("unused", EXITS, metrics={"loss": "loss=([0-9.]+)"})["Arguments"]
    images = {"TrainingImage": "image:1", "TrainingInputMode": "File"}
    metrics = job["AlgorithmSpecification"]["MetricDefinitions"]
    ranges = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}]}
    return step(
        "Tuning",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        TrainingJobDefinition={
            **job,
            "AlgorithmSpecification": {**images, "MetricDefinitions": metrics},
            "StaticHyperParameters": {
                "sagemaker_program": "train.py",
                "sagemaker_submit_directory": f"{BUCKET}/nothing/source.tar.gz",
            },
        },
    )


CASES: dict[str, tuple[Callable[[], Json], str]] = {
    "Processing": (lambda: processing("bad", EXITS), "ended with exit code 4"),
    "Training": (lambda: training("bad", EXITS), "ended with exit code 4"),
    "Tuning": (tuning, "none of 2 training jobs gave loss"),
    "Model": (model, f"could not find model data at {MISSING}"),
    "Transform": (transform, "there is no model 'nobody-made-it'"),
    "RegisterModel": (register, MISSING),
    "Condition": (lambda: condition("bad", [greater("text", 1)]), "text"),
    "Fail": (lambda: fail("bad", "it was not good enough"), "it was not good enough"),
}


@pytest.mark.parametrize("kind", CASES)
def test_fails_the_run_with_the_reason_and_lets_the_others_end(
    workspace: Workspace, kind: str
) -> None:
    make, reason = CASES[kind]
    pipeline = workspace.pipeline(
        make(),
        processing("after", depends=["bad"]),
        processing("sibling"),
        processing("after-sibling", depends=["sibling"]),
    )

    run = workspace.run(pipeline)

    assert statuses(run) == {
        "bad": "Failed",
        "after": "Skipped",
        "sibling": "Succeeded",
        "after-sibling": "Succeeded",
    }
    assert run.record().status == "Failed"
    record = step_of(run, "bad")
    assert record.type == kind
    assert record.reason
    assert reason in record.reason
    assert record.ended is not None
