"""What a stack makes of Lambda, Callback and QualityCheck steps: definition and permissions."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from smp.compiler.compiled import CompiledPipeline
from tests.compiler.compiling import compile_demo
from tests.stacks.synthesis import ROOT, Synthesis, shown, synthesize

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))

STACK = "Smp-Pipeline-demo"
PLACE = "eu-west-1:123456789012"
STEPS = """
ask: Lambda, function: ask, outputs: {ok: Boolean}
tell: Lambda, function: 'arn:aws:lambda:eu-west-1:111122223333:function:tell:live'
wait: Callback, queue: people, inputs: {ok: '${ask.outputs.ok}'}
check: QualityCheck, check: data_quality, baseline_dataset: 's3://company-data/x.csv'
"""


def pipeline(workspace: Path) -> CompiledPipeline:
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
        "arn:aws:lambda:eu-west-1:111122223333:function:tell:live",
    ]
    assert found["AskQueues"]["Resource"] == [f"arn:aws:sqs:{PLACE}:people"]
    assert found["FindBaselines"]["Resource"] == [
        f"arn:aws:sagemaker:{PLACE}:model-package-group/demo-demo",
        f"arn:aws:sagemaker:{PLACE}:model-package/demo-demo/*",
    ]
