"""Iterations of loops in what the service says of executions."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from smp.aws.executions import DeployedPipeline, Execution, list_steps

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:pipeline/regions"
BODY: list[dict[str, object]] = [
    {"Name": name, "Type": "Processing", "Arguments": {}} for name in ("prepare", "fit")
]


def pipeline(items: object) -> DeployedPipeline:
    arguments = {"IterableItems": items, "MaxConcurrency": 2, "ForEachBody": BODY}
    loop = {"Name": "each", "Type": "ForEach", "Arguments": arguments}
    return DeployedPipeline("regions", ARN, {"Steps": [loop]})


@pytest.mark.parametrize(
    ("items", "count"), [([1, 2, 3], 7), ([1], 3), ({"Get": "Parameters.names"}, 3)]
)
def test_steps_of_a_loop_count_once_for_each_item_that_is_known(items: object, count: int) -> None:
    assert pipeline(items).step_count == count


@pytest.mark.parametrize("name", ["fit", "fit-1"])
def test_an_iteration_has_the_name_that_it_has_in_a_local_run(name: str) -> None:
    client = boto3.client(
        "sagemaker",
        region_name="eu-west-1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
    listed = {
        "StepName": name,
        "StepStatus": "Succeeded",
        "IterationContext": {"ParentStepName": "each", "Index": 1, "Item": "south"},
    }
    with Stubber(client) as stubber:
        stubber.add_response("list_pipeline_execution_steps", {"PipelineExecutionSteps": [listed]})
        (step,) = list_steps(client, Execution(f"{ARN}/execution/abc", "regions", "Succeeded"))
    assert step.name == "fit-1"
