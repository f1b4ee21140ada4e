"""Local stand-ins of Lambda and Callback steps: what they get, what comes back, what is refused."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline, Json, StandIn
from smp.errors import RunError
from smp.local.engine.plan import plan_run
from smp.local.engine.preflight import refuse_images
from tests.local.pipelines import Workspace, log_of, statuses, step_of

SCRIPT = "local/ask.py"
ECHO = """
import helper
def lambda_handler(event, context):
    print("asked", event)
    return {**helper.ANSWER, "event": event}
"""


def stand_in(workspace: Workspace, text: str) -> StandIn:
    """Keep a stand-in and a module beside it in the code store."""
    files = {SCRIPT: text, "helper.py": "ANSWER = {'ok': True, 'n': 3, 'share': 1, 's': 'x'}"}
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    for name, content in files.items():
        path = workspace.places.code / sha256 / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    found = (
        CodeFile(name, len(content), hashlib.sha256(content.encode()).hexdigest())
        for name, content in files.items()
    )
    return StandIn(SCRIPT, CodeTree(sha256, tuple(found), "scripts"))


def outside(kind: str = "Lambda", arguments: Json | None = None, **outputs: str) -> Json:
    target = {"Lambda": "FunctionArn", "Callback": "SqsQueueUrl"}[kind]
    return {
        "Name": "ask",
        "Type": kind,
        target: "somewhere",
        "Arguments": arguments or {},
        "OutputParameters": [{"OutputName": n, "OutputType": t} for n, t in outputs.items()],
    }


def pipeline(workspace: Workspace, text: str, *steps: Any) -> CompiledPipeline:
    compiled = replace(workspace.pipeline(*steps), step_models={"ask": "demo"})
    return replace(compiled, stand_ins={"ask": stand_in(workspace, text)})


@pytest.mark.parametrize("kind", ["Lambda", "Callback"])
def test_a_stand_in_gets_the_inputs_and_returns_the_outputs(
    kind: str, workspace: Workspace
) -> None:
    asked = outside(kind, {"a": 1}, ok="Boolean", n="Integer", share="Float", s="String")
    read = {"Get": "Steps.ask.OutputParameters['n']"}
    gate = {
        "Name": "gate",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [{"Type": "GreaterThan", "LeftValue": read, "RightValue": 2}],
            "IfSteps": [{"Name": "stop", "Type": "Fail", "Arguments": {"ErrorMessage": "three"}}],
            "ElseSteps": [],
        },
    }
    run = workspace.run(pipeline(workspace, ECHO, asked, gate))
    assert statuses(run) == {"ask": "Succeeded", "gate": "Succeeded", "stop": "Failed"}
    assert "asked {'a': 1}" in log_of(run, "ask")
    record = step_of(run, "ask")
    assert record.result == {"OutputParameters": {"ok": True, "n": 3, "share": 1, "s": "x"}}
    assert record.stand_in == SCRIPT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def lambda_handler(event, context): pass", "returned no 'n'; it returned: nothing"),
        ("def lambda_handler(event, context): return 3", "returned 3, no dictionary of outputs"),
        (
            "def lambda_handler(event, context): return {'n': True}",
            "returned True for 'n', which is of type Integer",
        ),
        ("def lambda_handler(event, context): return {'n': 'x'}", "returned 'x' for 'n'"),
        ("def lambda_handler(event, context): return {'n': {1}}", "exit code 1"),
        ("def handler(event, context): return {}", "exit code 1"),
        (
            "import os\nos.symlink('/etc/hostname', '/opt/ml/output/answer.json')\nos._exit(0)",
            "no answer",
        ),
    ],
)
def test_fails_for_an_answer_that_is_none(text: str, reason: str, workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, text, outside(n="Integer")))
    assert statuses(run) == {"ask": "Failed"}
    assert reason in str(step_of(run, "ask").reason)


def test_fails_for_an_answer_that_is_no_json(workspace: Workspace) -> None:
    text = "import os\nopen('/opt/ml/output/answer.json', 'w').write('{')\nos._exit(0)"
    run = workspace.run(pipeline(workspace, text, outside()))
    assert "no answer that can be read" in str(step_of(run, "ask").reason)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_fails_for_a_number_that_is_not_finite(value: str, workspace: Workspace) -> None:
    text = f"def lambda_handler(event, context): return {{'share': float('{value}')}}"
    run = workspace.run(pipeline(workspace, text, outside(share="Float")))
    reason = str(step_of(run, "ask").reason)
    assert reason.startswith("lambda_handler wrote no answer that can be read: ")
    assert reason.endswith(" is not a finite number")


def test_fails_without_a_stand_in_before_anything_starts(workspace: Workspace) -> None:
    compiled = workspace.pipeline(outside("Callback"))
    with pytest.raises(RunError) as caught:
        plan_run(compiled)
    assert "step ask of test-pipeline is of type Callback, which does not run here" in str(
        caught.value
    )
    assert "give it a local_stand_in" in str(caught.value)


def test_fails_for_a_stand_in_where_only_images_run(workspace: Workspace) -> None:
    compiled = pipeline(workspace, ECHO, outside())
    with pytest.raises(RunError, match="no image to run it in"):
        refuse_images(compiled, plan_run(compiled), runs_images=True)
    refuse_images(compiled, plan_run(compiled), runs_images=False)
