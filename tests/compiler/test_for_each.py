"""Loops in the definition: their items, what their steps say of them, and what the rest reads of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.definition.request_check import check_requests
from smp.errors import CompileError
from smp.graph import build_graph
from tests.compiler.compiling import arguments, compile_demo, step
from tests.graph.workspace import IMAGE, load, pipeline_of

TRAIN = (
    f"{{image_uri: {IMAGE}, entry_point: train.py, "
    "metric_definitions: [{Name: auc, Regex: 'auc=([0-9.]+)'}], "
    "hyperparameters: {region: '${item}'}}"
)
LOOP = "regions: ForEach, items: [eu, us], max_concurrency: 2, steps: [fit]"
BEST = "selector: {pick: MaxBy, field: fit.final_metrics.auc}"
ITEM = {"Get": "ForEach.CurrentItem"}


def item(field: str) -> dict[str, str]:
    return {"Get": f"ForEach.CurrentItem.{field}"}


def joined(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "", "Values": list(values)}}


def test_a_loop_holds_its_steps(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, f"{LOOP}\nfit: Training", demo__train=TRAIN)
    (loop,) = compiled.definition["Steps"]
    (fit,) = loop["Arguments"]["ForEachBody"]
    assert loop == {
        "Name": "regions",
        "Type": "ForEach",
        "Arguments": {"IterableItems": ["eu", "us"], "MaxConcurrency": 2, "ForEachBody": [fit]},
    }
    assert fit["Name"] == "fit"
    assert fit["Arguments"]["HyperParameters"] == {"region": joined('"', ITEM, '"')}
    assert compiled.edges() == {"regions": (), "fit": ("regions",)}
    assert check_requests(compiled) == []


def test_items_with_fields_are_json_in_the_definition(tmp_path: Path) -> None:
    compiled = _with_day(tmp_path)
    assert arguments(compiled, "loop")["IterableItems"] == [
        '{"region": "eu", "depth": 3}',
        '{"region": "us", "depth": 4}',
    ]
    assert arguments(compiled, "ask") == {
        "all": ITEM,
        "depth": item("depth"),
        "said": joined("in ", item("region"), ", ", {"Get": "Parameters.day"}),
    }


def _with_day(workspace: Path) -> CompiledPipeline:
    text = pipeline_of(
        "loop: ForEach, items: [{region: eu, depth: 3}, {region: us, depth: 4}], "
        "max_concurrency: 1, steps: [ask]\n"
        "ask: Lambda, function: f, inputs: {all: '${item}', depth: '${item.depth}', "
        "said: 'in ${item.region}, ${parameters.day}'}"
    )
    parameters = "    parameters: [{name: day, type: String}]\n    models:"
    text = text.replace("    models:", parameters, 1)
    return compile_pipeline(build_graph(load(workspace, text), "demo"), workspace / "store")


def test_a_parameter_and_an_output_hold_lists(tmp_path: Path) -> None:
    text = pipeline_of(
        "list: Lambda, function: f, outputs: {days: String}\n"
        "a: ForEach, items: '${parameters.regions}', max_concurrency: 1, steps: [one]\n"
        "one: Lambda, function: f\n"
        "b: ForEach, items: '${list.outputs.days}', max_concurrency: 50, steps: [two]\n"
        "two: Lambda, function: f"
    )
    parameters = (
        """    parameters: [{name: regions, type: String, default: '["eu", "us"]'}]\n    models:"""
    )
    text = text.replace("    models:", parameters, 1)
    compiled = compile_pipeline(build_graph(load(tmp_path, text), "demo"), tmp_path / "store")
    assert arguments(compiled, "a")["IterableItems"] == {"Get": "Parameters.regions"}
    listed = {"Get": "Steps.list.OutputParameters['days']"}
    assert arguments(compiled, "b")["IterableItems"] == listed
    assert compiled.edges()["b"] == ("list",)


def test_outputs_of_iterations_lie_apart(tmp_path: Path) -> None:
    """By the job's name; a batch transform has the name of the model that its iteration made."""
    compiled = compile_demo(
        tmp_path,
        "loop: ForEach, items: [1], max_concurrency: 1, "
        "steps: [prep, fit, model, predict, evaluate]\n"
        "prep: Processing\nfit: Training, chain_input_source_step: prep\nmodel: CreateModel\n"
        "predict: Transform, chain_input_source_step: prep\n"
        "evaluate: Metrics, chain_input_source_step: predict",
        demo__registry="{ModelRepack: 'False', InferenceSpecification: {image_uri: " + IMAGE + "}}",
        demo__transform="{channels: train}",
    )
    job, execution = (
        {"Get": "Execution.ProcessingJobName"},
        {"Get": "Execution.PipelineExecutionId"},
    )
    outputs = arguments(compiled, "prep")["ProcessingOutputConfig"]["Outputs"]
    assert outputs[0]["S3Output"]["S3Uri"]["Std:Join"]["Values"] == [
        "s3://${smp:bucket}/executions",
        "demo",
        execution,
        "prep",
        job,
        "output",
        "train",
    ]
    (report,) = arguments(compiled, "evaluate")["ProcessingOutputConfig"]["Outputs"]
    assert report["S3Output"]["S3Uri"]["Std:Join"]["Values"][-2:] == [execution, job]
    predicted = arguments(compiled, "predict")["TransformOutput"]["S3OutputPath"]
    model = {"Get": "Steps.model-CreateModel.ModelName"}
    assert predicted["Std:Join"]["Values"][-2:] == [execution, model]


def test_a_step_outside_keeps_its_place(tmp_path: Path) -> None:
    compiled = compile_demo(tmp_path, "prep: Processing")
    outputs = arguments(compiled, "prep")["ProcessingOutputConfig"]["Outputs"]
    assert "Execution.ProcessingJobName" not in str(outputs)


def test_the_loop_waits_for_what_its_steps_wait_for(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"prep: Processing\ntell: Lambda, function: f\n{LOOP}\n"
        "fit: Training, chain_input_source_step: prep",
        "[tell >> fit]",
        demo__train=TRAIN,
    )
    assert step(compiled, "regions")["DependsOn"] == ["prep", "tell"]
    assert "DependsOn" not in step(compiled, "fit")
    assert compiled.edges()["fit"] == ("prep", "regions")


def test_steps_of_an_iteration_wait_for_each_other(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "loop: ForEach, items: [1], max_concurrency: 1, steps: [a, b]\n"
        "a: Lambda, function: f\nb: Lambda, function: f",
        "[a >> b]",
    )
    assert step(compiled, "b")["DependsOn"] == ["a"]
    assert "DependsOn" not in step(compiled, "loop")


def test_later_steps_read_the_iteration_that_is_selected(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{LOOP}, {BEST}\nfit: Training\n"
        "gate: Condition, condition: fit.final_metrics.auc > 0.5, if_steps: register\n"
        "register: RegisterModel\n"
        "tell: Lambda, function: f, inputs: {auc: '${fit.final_metrics.auc}'}",
        demo__train=TRAIN,
    )
    assert arguments(compiled, "regions")["Selector"] == {
        "Pick": "MaxBy",
        "Field": {"Get": "IterationOutput.fit.FinalMetricDataList['auc'].Value"},
    }
    auc = {"Get": "Steps.regions.Selected.FinalMetricDataList['auc'].Value"}
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition["LeftValue"] == auc
    assert arguments(compiled, "tell") == {"auc": auc}
    (container,) = arguments(compiled, "register-RegisterModel")["InferenceSpecification"][
        "Containers"
    ]
    assert container["ModelDataUrl"] == {
        "Get": "Steps.regions.Selected.ModelArtifacts.S3ModelArtifacts"
    }
    assert compiled.edges()["gate"] == ("regions",)


def test_iterations_are_compared_by_a_metric_whose_name_stands_in_quotes(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        f"{LOOP}, selector: {{pick: MinBy, field: 'fit.final_metrics[\"test:rmse\"]'}}\n"
        "fit: Training\n"
        "tell: Lambda, function: f, inputs: {rmse: '${fit.final_metrics[\"test:rmse\"]}'}",
        demo__train=TRAIN.replace("Name: auc", "Name: 'test:rmse'"),
    )
    assert arguments(compiled, "regions")["Selector"] == {
        "Pick": "MinBy",
        "Field": {"Get": "IterationOutput.fit.FinalMetricDataList['test:rmse'].Value"},
    }
    rmse = {"Get": "Steps.regions.Selected.FinalMetricDataList['test:rmse'].Value"}
    assert arguments(compiled, "tell") == {"rmse": rmse}


def test_an_output_of_a_function_may_be_compared_and_read(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "loop: ForEach, items: [1, 2], max_concurrency: 1, steps: [ask], "
        "selector: {pick: MinBy, field: ask.outputs.loss}\n"
        "ask: Lambda, function: f, outputs: {loss: Float, name: String}\n"
        "tell: Lambda, function: f, inputs: {best: '${ask.outputs.name}'}",
    )
    assert arguments(compiled, "loop")["Selector"]["Field"] == {
        "Get": "IterationOutput.ask.OutputParameters['loss']"
    }
    read = {"Get": "Steps.loop.Selected.OutputParameters['name']"}
    assert arguments(compiled, "tell") == {"best": read}


def test_what_the_service_says_of_a_loop_is_read_as_its_outputs(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "loop: ForEach, items: [1], max_concurrency: 1, steps: [ask], on_failure: tell\n"
        "ask: Lambda, function: f\n"
        "tell: Lambda, function: f, inputs: {failed: one}\n"
        "gate: Condition, condition: loop.outputs.InputItemCount > 3, if_steps: go\n"
        "go: Lambda, function: f",
    )
    (condition,) = arguments(compiled, "gate")["Conditions"]
    assert condition["LeftValue"] == {"Get": "Steps.loop.InputItemCount"}
    assert step(compiled, "tell")["DependsOn"] == [{"Step": "loop", "Trigger": "Failed"}]


def test_a_loop_on_both_sides_of_a_condition_is_there_twice(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "first: Lambda, function: f, outputs: {n: Integer}\n"
        "gate: Condition, condition: first.outputs.n > 1, if_steps: loop, else_steps: loop\n"
        "loop: ForEach, items: [1, 2], max_concurrency: 1, steps: [ask], "
        "selector: {pick: MinBy, field: ask.outputs.loss}\n"
        "ask: Lambda, function: f, outputs: {loss: Float}\n"
        "tell: Lambda, function: f, inputs: {loss: '${ask.outputs.loss}'}",
    )
    gate = arguments(compiled, "gate")
    assert [s["Name"] for s in gate["IfSteps"]] == ["loop", "tell"]
    assert [s["Name"] for s in gate["ElseSteps"]] == ["loop-else", "tell-else"]
    (inner,) = gate["ElseSteps"][0]["Arguments"]["ForEachBody"]
    assert inner["Name"] == "ask-else"
    selector = gate["ElseSteps"][0]["Arguments"]["Selector"]
    assert selector["Field"] == {"Get": "IterationOutput.ask-else.OutputParameters['loss']"}
    assert arguments(compiled, "tell-else") == {
        "loss": {"Get": "Steps.loop-else.Selected.OutputParameters['loss']"}
    }


def test_the_pipeline_may_do_what_the_steps_of_its_loops_take(tmp_path: Path) -> None:
    train = TRAIN.replace(
        "entry_point",
        "channels: {train: {dataFiles: [{fileName: 's3://data/${item}/x.csv'}]}}, entry_point",
    )
    permissions = plan_permissions(
        compile_demo(tmp_path, f"{LOOP}\nfit: Training", demo__train=train)
    )
    assert not permissions.unknown_step_types
    assert "RunTrainingJobs" in {statement.sid for statement in permissions.pipeline}
    (read,) = [s for s in permissions.data if s.sid == "ReadData"]
    assert "arn:${smp:partition}:s3:::data/*" in read.resources


def test_fails_for_a_machine_that_an_item_chooses(tmp_path: Path) -> None:
    train = TRAIN.replace("entry_point", "instance_type: '${item}', entry_point")
    with pytest.raises(Exception, match="cannot depend on the loop item"):
        compile_demo(tmp_path, f"{LOOP}\nfit: Training", demo__train=train)


def test_fails_for_a_value_of_the_other_side_of_a_loop(tmp_path: Path) -> None:
    steps = (
        "first: Lambda, function: f, outputs: {n: Integer}\n"
        "gate: Condition, condition: first.outputs.n > 1, if_steps: loop, else_steps: tell\n"
        "loop: ForEach, items: [1, 2], max_concurrency: 1, steps: [ask], "
        "selector: {pick: MinBy, field: ask.outputs.loss}\n"
        "ask: Lambda, function: f, outputs: {loss: Float}\n"
        "tell: Lambda, function: f, inputs: {loss: '${ask.outputs.loss}'}"
    )
    with pytest.raises(CompileError):
        compile_demo(tmp_path, steps)


def test_a_loop_after_a_loop_reads_the_one_that_was_selected(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "one: ForEach, items: [1, 2], max_concurrency: 1, steps: [ask], "
        "selector: {pick: MinBy, field: ask.outputs.loss}\n"
        "ask: Lambda, function: f, outputs: {loss: Float}\n"
        "two: ForEach, items: [3], max_concurrency: 1, steps: [tell]\n"
        "tell: Lambda, function: f, inputs: {loss: '${ask.outputs.loss}', n: '${item}'}",
    )
    assert step(compiled, "two")["DependsOn"] == ["one"]
    loss = {"Get": "Steps.one.Selected.OutputParameters['loss']"}
    assert arguments(compiled, "tell") == {"loss": loss, "n": ITEM}


def test_models_are_packed_and_registered_in_each_iteration(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "loop: ForEach, items: [1], max_concurrency: 1, steps: [fit, register]\n"
        "fit: Training\nregister: RegisterModel",
        demo__registry="{InferenceSpecification: {image_uri: " + IMAGE + "}}",
    )
    body = arguments(compiled, "loop")["ForEachBody"]
    assert [inner["Name"] for inner in body] == [
        "fit",
        "register-RepackModel-0",
        "register-RegisterModel",
    ]
    assert compiled.edges()["register-RegisterModel"] == ("loop", "register-RepackModel-0")


def test_a_job_on_emr_serverless_has_its_item_in_its_arguments(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "loop: ForEach, items: [1], max_concurrency: 1, steps: [job]\n"
        "job: EMRServerless, application_id: 00f1, execution_role: spark, "
        "spark: {entry_point: preprocess.py, arguments: ['${item}', 'n=${item}']}",
    )
    submit = arguments(compiled, "job")["JobConfig"]["jobDriver"]["sparkSubmit"]
    assert submit["entryPointArguments"] == [joined(ITEM), joined("n=", ITEM)]


@pytest.mark.parametrize(
    "reader",
    [
        "tell: Fail, message: 'of ${regions.outputs.InputItemCount} regions'",
        "tell: Lambda, function: f, inputs: {n: 'of ${regions.outputs.InputItemCount} regions'}",
    ],
)
def test_messages_and_inputs_read_what_the_service_says_of_a_loop(
    tmp_path: Path, reader: str
) -> None:
    compiled = compile_demo(tmp_path, f"{LOOP}\nfit: Training\n{reader}", demo__train=TRAIN)
    said = joined("of ", {"Get": "Steps.regions.InputItemCount"}, " regions")
    assert said in arguments(compiled, "tell").values()
    assert compiled.edges()["tell"] == ("regions",)
