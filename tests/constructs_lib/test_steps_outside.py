"""What a stack makes of steps whose work is done outside SageMaker: definition and permissions."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from smp.definition.compiled import CompiledPipeline
from tests.compiler.compiling import compile_demo
from tests.graph.workspace import write
from tests.stacks.synthesis import ROOT, Synthesis, shown, synthesize

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))

STACK = "Smp-Pipeline-demo"
PLACE = "eu-west-1:123456789012"
STEPS = """
ask: Lambda, function: ask, outputs: {ok: Boolean, list: String}
tell: Lambda, function: 'arn:aws:lambda:eu-west-1:111122223333:function:tell:live'
each: ForEach, items: '${ask.outputs.list}', max_concurrency: 2, steps: [one, clean]
one: Lambda, function: once, inputs: {item: '${item}'}
clean: Processing
wait: Callback, queue: people, inputs: {ok: '${ask.outputs.ok}'}
check: QualityCheck, check: data_quality, baseline_dataset: 's3://company-data/x.csv'
fit: Training
serve: CreateModel
why: ClarifyCheck, check: model_explainability, baseline_dataset: 's3://company-data/x.csv', \
shap: {baseline: 's3://SMP_S3BUCKETNAME/rows.csv'}
keep: RegisterModel
report: NotebookJob, input_notebook: report.ipynb, kernel_name: python3, \
image_uri: '111122223333.dkr.ecr.eu-west-1.amazonaws.com/notebooks:1'
there: EMRServerless, application_id: 00f1, execution_role: spark, spark: {entry_point: preprocess.py}
"""


NOTEBOOK = "model_configs/demo/scripts/report.ipynb"


def pipeline(workspace: Path) -> CompiledPipeline:
    write(workspace / NOTEBOOK, '{"nbformat": 4, "cells": []}')
    return replace(compile_demo(workspace, STEPS), description=None)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    """The stack, made with the policy checks of the app and NIST 800-53 R5, which find nothing."""
    settings = {"account": "123456789012", "region": "eu-west-1"}
    compiled = pipeline(tmp_path_factory.mktemp("outside"))
    return synthesize(tmp_path_factory.mktemp("stack"), [compiled], settings)


def test_names_are_those_of_the_account_and_region(stack: Synthesis) -> None:
    (resource,) = stack.resources(STACK, "AWS::SageMaker::Pipeline").values()
    text = str(shown(resource["Properties"]["PipelineDefinition"]))
    assert f"arn:aws:lambda:{PLACE}:function:ask" in text
    assert re.search(r"https://sqs\.eu-west-1\.[^/]+/123456789012/people\b", text)
    assert "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer" in text
    assert "${smp:" not in text


def test_the_pipeline_calls_asks_and_looks_up_no_more_than_is_named(stack: Synthesis) -> None:
    found = shown(stack.statements(STACK, "PipelinePipelineRolePolicy"))
    assert found["CallFunctions"]["Resource"] == [
        f"arn:aws:lambda:{PLACE}:function:ask",
        f"arn:aws:lambda:{PLACE}:function:once",
        "arn:aws:lambda:eu-west-1:111122223333:function:tell:live",
    ]
    assert found["AskQueues"]["Resource"] == [f"arn:aws:sqs:{PLACE}:people"]
    assert found["FindBaselines"]["Resource"] == [
        f"arn:aws:sagemaker:{PLACE}:model-package-group/demo-demo",
        f"arn:aws:sagemaker:{PLACE}:model-package/demo-demo/*",
    ]


def test_a_check_makes_endpoints_under_the_name_that_clarify_gives_them(stack: Synthesis) -> None:
    found = shown(stack.statements(STACK, "PipelineJobRoleRuntimePolicy"))
    assert found["AskModels"]["Resource"] == [
        f"arn:aws:sagemaker:{PLACE}:endpoint/sm-clarify-*",
        f"arn:aws:sagemaker:{PLACE}:endpoint-config/sm-clarify-*",
    ]
    assert found["DescribeModels"]["Resource"] == [f"arn:aws:sagemaker:{PLACE}:model/pipelines-*"]
    (resource,) = stack.resources(STACK, "AWS::SageMaker::Pipeline").values()
    text = str(shown(resource["Properties"]["PipelineDefinition"]))
    assert "131013547314.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-clarify-processing:1.0" in text


def test_a_notebook_knows_its_region_and_lies_in_the_bucket(stack: Synthesis) -> None:
    (resource,) = stack.resources(STACK, "AWS::SageMaker::Pipeline").values()
    definition = shown(resource["Properties"]["PipelineDefinition"])
    text = str(definition)
    assert (
        "'AWS_DEFAULT_REGION': 'eu-west-1'" in text or '"AWS_DEFAULT_REGION": "eu-west-1"' in text
    )
    assert "amazon_sagemaker_scheduler" in text
    images = shown(stack.statements(STACK, "PipelineJobRoleRuntimePolicy"))["PullImages"][
        "Resource"
    ]
    assert "arn:aws:ecr:eu-west-1:111122223333:repository/notebooks" in images


def test_jobs_on_emr_serverless_run_in_this_application_with_this_role(stack: Synthesis) -> None:
    found = shown(stack.statements(STACK, "PipelinePipelineRolePolicy"))
    application = f"arn:aws:emr-serverless:{PLACE}:/applications/00f1"
    assert found["StartEmrJobs"]["Resource"] == [application]
    assert found["FollowEmrJobs"]["Resource"] == [f"{application}/jobruns/*"]
    assert found["PassEmrRoles"]["Resource"] == ["arn:aws:iam::123456789012:role/spark"]
    (resource,) = stack.resources(STACK, "AWS::SageMaker::Pipeline").values()
    text = str(shown(resource["Properties"]["PipelineDefinition"]))
    assert "role/spark" in text
    assert "preprocess.py" in text


def test_an_application_is_made_in_the_network_of_the_deployment(tmp_path: Path) -> None:
    steps = (
        "new: EMRServerless, application: {release_label: emr-7.9.0}, execution_role: spark, "
        "spark: {entry_point: preprocess.py}"
    )
    settings = {"account": "123456789012", "region": "eu-west-1"}
    compiled = replace(compile_demo(tmp_path / "models", steps), description=None)
    made = synthesize(tmp_path / "stack", [compiled], settings)
    found = shown(made.statements(STACK, "PipelinePipelineRolePolicy"))
    every = f"arn:aws:emr-serverless:{PLACE}:/applications/*"
    assert found["DeleteEmrApplications"]["Resource"] == [every]
    assert found["MakeEmrApplications"]["Resource"] == [f"arn:aws:emr-serverless:{PLACE}:/*"]
    connected = found["ConnectEmrApplications"]["Resource"]
    assert f"arn:aws:ec2:{PLACE}:network-interface/*" in connected
    assert len(connected) > 2, "subnets and security groups by their names"


def test_a_loop_is_deployed_with_what_its_steps_need(stack: Synthesis) -> None:
    (resource,) = stack.resources(STACK, "AWS::SageMaker::Pipeline").values()
    text = str(shown(resource["Properties"]["PipelineDefinition"]))
    assert "ForEachBody" in text
    assert "Steps.ask.OutputParameters" in text
    found = shown(stack.statements(STACK, "PipelinePipelineRolePolicy"))
    assert f"arn:aws:lambda:{PLACE}:function:once" in found["CallFunctions"]["Resource"]
