"""DeleteModel steps in the definition, what they wait for, and what their function may do."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.definition.permissions.plan import plan_permissions
from smp.errors import ConfigError
from tests.compiler.compiling import compile_demo, step

MADE = "train: Training\nserve: CreateModel\npredict: Transform, chain_input_source_step: prep\n"
STEPS = f"prep: Processing\n{MADE}remove: DeleteModel\n"


def test_the_step_calls_the_function_with_the_model_and_waits_for_its_users(tmp_path: Path) -> None:
    assert step(compile_demo(tmp_path, STEPS), "remove") == {
        "Name": "remove",
        "Type": "Lambda",
        "FunctionArn": "${smp:function.delete-model}",
        "Arguments": {"ModelName": {"Get": "Steps.serve-CreateModel.ModelName"}},
        "OutputParameters": [{"OutputName": "Deleted", "OutputType": "Boolean"}],
        "DependsOn": ["predict"],
    }


def test_a_user_that_is_written_behind_it_comes_before_it(tmp_path: Path) -> None:
    steps = "prep: Processing\ntrain: Training\nserve: CreateModel\nremove: DeleteModel\n"
    compiled = compile_demo(tmp_path, f"{steps}predict: Transform, chain_input_source_step: prep\n")
    assert compiled.edges()["remove"] == ("predict", "serve-CreateModel")


def test_what_runs_only_after_a_failure_is_not_waited_for(tmp_path: Path) -> None:
    again = "again: Transform, chain_input_source_step: prep\n"
    compiled = compile_demo(tmp_path, f"other: Processing, on_failure: [again]\n{STEPS}{again}")
    assert compiled.edges()["remove"] == ("predict", "serve-CreateModel")


def test_its_function_may_delete_what_pipelines_made(tmp_path: Path) -> None:
    permissions = plan_permissions(compile_demo(tmp_path, STEPS))
    (statement,) = permissions.functions["delete-model"]
    assert list(statement.actions) == ["sagemaker:DeleteModel"]
    assert list(statement.resources) == [
        "arn:${smp:partition}:sagemaker:${smp:region}:${smp:account_id}:model/pipelines-*"
    ]
    assert not permissions.unknown_step_types
    (calls,) = [one for one in permissions.pipeline if one.sid == "CallFunctions"]
    assert list(calls.resources) == ["${smp:function.delete-model}"]
    allowed = [
        action for one in (*permissions.job, *permissions.pipeline) for action in one.actions
    ]
    assert "sagemaker:DeleteModel" not in allowed


def test_fails_without_a_model_to_delete(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no CreateModel step in this pipeline"):
        compile_demo(tmp_path, "prep: Processing\nremove: DeleteModel\n")


def test_fails_in_a_loop_that_does_not_make_the_model(tmp_path: Path) -> None:
    loop = "each: ForEach, items: [a, b], max_concurrency: 1, steps: [remove]\n"
    with pytest.raises(ConfigError, match="each iteration would delete the model of 'serve'"):
        compile_demo(tmp_path, f"prep: Processing\n{MADE}remove: DeleteModel\n{loop}")
