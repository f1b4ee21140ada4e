"""Lambda and Callback steps in the definition, what they read, and what the pipeline may do for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.permissions.plan import plan_permissions
from smp.errors import CompileError, ScriptError
from smp.graph import build_graph
from tests.compiler.compiling import arguments, compile_demo, step
from tests.compiler.test_condition import READ, REPORT
from tests.graph.workspace import DIRECTORY, load, pipeline_of, write

ARN = "arn:aws:lambda:eu-west-1:111122223333:function:tell:live"
URL = "https://sqs.eu-west-1.amazonaws.com/111122223333/people"


def test_a_function_by_name_is_one_of_the_deployment(tmp_path: Path) -> None:
    steps = (
        "ask: Lambda, function: ask, outputs: {ok: Boolean, share: Float, n: Integer, s: String}"
    )
    assert step(compile_demo(tmp_path, steps), "ask") == {
        "Name": "ask",
        "Type": "Lambda",
        "FunctionArn": "arn:${smp:partition}:lambda:${smp:region}:${smp:account_id}:function:ask",
        "Arguments": {},
        "OutputParameters": [
            {"OutputName": "ok", "OutputType": "Boolean"},
            {"OutputName": "share", "OutputType": "Float"},
            {"OutputName": "n", "OutputType": "Integer"},
            {"OutputName": "s", "OutputType": "String"},
        ],
    }


def test_a_queue_by_name_is_one_of_the_deployment(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "wait: Callback, queue: people, outputs: {n: Integer}")
    assert step(compiled, "wait") == {
        "Name": "wait",
        "Type": "Callback",
        "SqsQueueUrl": "https://sqs.${smp:region}.${smp:url_suffix}/${smp:account_id}/people",
        "Arguments": {},
        "OutputParameters": [{"OutputName": "n", "OutputType": "Integer"}],
    }


def test_an_arn_and_a_url_stay_as_written(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"a: Lambda, function: '{ARN}'\nb: Callback, queue: '{URL}'")
    assert step(compiled, "a")["FunctionArn"] == ARN
    assert step(compiled, "b")["SqsQueueUrl"] == URL


def test_values_of_the_execution_are_handed_over_with_their_types(tmp_path: Path) -> None:
    inputs = (
        "{text: plain, number: 3, share: 1.5, flag: true, empty: '', auc: '${report.metrics.auc}', "
        "said: 'AUC ${report.metrics.auc} of ${parameters.count}', count: '${parameters.count}', "
        "dry: '${parameters.dry}', id: '${wait.outputs.id}'}"
    )
    steps = f"{REPORT}ask: Lambda, function: ask, inputs: {inputs}\n"
    text = pipeline_of(steps + "wait: Callback, queue: people, outputs: {id: String}")
    text = text.replace(
        "    models:",
        "    parameters: [{name: count, type: Integer}, {name: dry, type: Boolean}]\n    models:",
        1,
    )
    compiled = compile_pipeline(build_graph(load(tmp_path, text), "demo"), tmp_path / "store")
    count = {"Get": "Parameters.count"}
    assert arguments(compiled, "ask") == {
        "text": "plain",
        "number": 3,
        "share": 1.5,
        "flag": True,
        "empty": "",
        "auc": READ,
        "said": {"Std:Join": {"On": "", "Values": ["AUC ", READ, " of ", count]}},
        "count": count,
        "dry": {"Get": "Parameters.dry"},
        "id": {"Get": "Steps.wait.OutputParameters['id']"},
    }
    assert compiled.edges()["ask"] == ("report", "wait")


def test_a_condition_and_a_message_read_outputs(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "ask: Lambda, function: ask, outputs: {ok: Boolean}\n"
        "gate: Condition, condition: ask.outputs.ok == true, else_steps: stop\n"
        "stop: Fail, message: 'it was ${ask.outputs.ok}'",
    )
    read = {"Get": "Steps.ask.OutputParameters['ok']"}
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition == {"Type": "Equals", "LeftValue": read, "RightValue": True}
    joined = {"Std:Join": {"On": "", "Values": ["it was ", read]}}
    assert arguments(compiled, "stop")["ErrorMessage"] == joined


def test_a_step_on_both_sides_is_asked_twice_and_reads_its_own_side(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "first: Lambda, function: f, outputs: {n: Integer}\n"
        "gate: Condition, condition: first.outputs.n > 1, if_steps: ask, else_steps: ask\n"
        "ask: Lambda, function: f, outputs: {n: Integer}\n"
        "tell: Lambda, function: f, inputs: {n: '${ask.outputs.n}'}",
    )
    assert arguments(compiled, "tell") == {"n": {"Get": "Steps.ask.OutputParameters['n']"}}
    assert arguments(compiled, "tell-else") == {
        "n": {"Get": "Steps.ask-else.OutputParameters['n']"}
    }


def test_fails_for_a_value_of_the_other_side(tmp_path: Path) -> None:
    steps = (
        "first: Lambda, function: f, outputs: {n: Integer}\n"
        "gate: Condition, condition: first.outputs.n > 1, if_steps: high, else_steps: low\n"
        "high: Lambda, function: f, outputs: {n: Integer}\n"
        "low: Lambda, function: f, outputs: {n: Integer}\n"
        "tell: Lambda, function: f, inputs: {a: '${high.outputs.n}', b: '${low.outputs.n}'}"
    )
    with pytest.raises(CompileError) as caught:
        compile_demo(tmp_path, steps)
    assert "step tell: reads 'low.outputs.n' where 'low' does not run" in str(caught.value)


def test_on_failure_of_a_function(tmp_path: Path) -> None:
    steps = "ask: Lambda, function: f, on_failure: tell\ntell: Lambda, function: g"
    compiled = compile_demo(tmp_path, steps)
    assert step(compiled, "tell")["DependsOn"] == [{"Step": "ask", "Trigger": "Failed"}]


def test_the_pipeline_may_call_these_functions_and_write_to_these_queues_alone(
    tmp_path: Path,
) -> None:
    compiled = compile_demo(
        tmp_path,
        f"a: Lambda, function: ask, inputs: {{from: 's3://elsewhere/x'}}\n"
        f"b: Lambda, function: '{ARN}'\nc: Callback, queue: '{URL}'\nd: Callback, queue: people",
    )
    permissions = plan_permissions(compiled)
    assert [(s.sid, list(s.actions), list(s.resources)) for s in permissions.pipeline] == [
        (
            "CallFunctions",
            ["lambda:InvokeFunction"],
            ["arn:${smp:partition}:lambda:${smp:region}:${smp:account_id}:function:ask", ARN],
        ),
        (
            "AskQueues",
            ["sqs:SendMessage"],
            [
                "arn:${smp:partition}:sqs:${smp:region}:${smp:account_id}:people",
                "arn:${smp:partition}:sqs:eu-west-1:111122223333:people",
            ],
        ),
    ]
    assert not permissions.data
    assert not permissions.unknown_step_types


def test_a_stand_in_stays_out_of_the_definition(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/local/ask.py", "")
    plain = compile_demo(tmp_path, "ask: Lambda, function: ask")
    compiled = compile_demo(tmp_path, "ask: Lambda, function: ask, local_stand_in: local/ask.py")
    assert compiled.definition == plain.definition
    assert compiled.stand_ins["ask"].script == "local/ask.py"


def test_fails_for_a_stand_in_that_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / DIRECTORY / "scripts/ask.py", "")
    write(tmp_path / DIRECTORY / "scripts/.smpignore", "ask.py\n")
    with pytest.raises(ScriptError, match=r"step ask: 'ask\.py' is left out of the model's files"):
        compile_demo(tmp_path, "ask: Lambda, function: ask, local_stand_in: ask.py")
