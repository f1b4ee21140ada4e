"""What other engines see of a compiled pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.language import expressions_in
from smp.definition.step_types import CALLS
from smp.errors import CompileError
from smp.export.refusal import ExportError, refusal, refuse
from smp.export.workflow import Edge, Parameter, PropertyFile, Side, read_workflow
from tests.compiler.compiling import compile_demo

Json = dict[str, Any]


def compiled(*steps: Json, parameters: list[Json] | None = None) -> CompiledPipeline:
    definition = {"Version": "2020-12-01", "Parameters": parameters or [], "Steps": list(steps)}
    return CompiledPipeline("demo", definition, (), Path("store"))


def step(name: str, kind: str = "Processing", **fields: Any) -> Json:
    return {"Name": name, "Type": kind, "Arguments": {}, **fields}


def test_tasks_come_after_what_they_wait_for() -> None:
    flow = read_workflow(compiled(step("last", DependsOn=["first"]), step("first"), step("other")))
    assert [task.name for task in flow.tasks] == ["first", "last", "other"]
    assert flow.task("last").upstream == (Edge("first"),)


def test_a_trigger_stays_with_its_edge() -> None:
    waits = [{"Step": "fit", "Trigger": "Failed"}, {"Step": "prep", "Trigger": "Any"}]
    flow = read_workflow(compiled(step("fit"), step("prep"), step("tidy", DependsOn=waits)))
    assert flow.task("tidy").upstream == (Edge("fit", "Failed"), Edge("prep", "Any"))


def test_a_reference_is_an_edge() -> None:
    arguments = {"Image": {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}}
    flow = read_workflow(compiled(step("fit", "Training"), step("use", Arguments=arguments)))
    assert flow.task("use").upstream == (Edge("fit"),)


def test_steps_of_a_condition_stand_on_its_sides() -> None:
    gate = step(
        "gate",
        "Condition",
        Arguments={
            "Conditions": [],
            "IfSteps": [step("yes", "Model", DependsOn=["fit"])],
            "ElseSteps": [step("no", "Fail")],
        },
        DependsOn=["fit"],
    )
    flow = read_workflow(compiled(step("fit"), gate))
    assert flow.task("yes").side == Side("gate", "IfSteps")
    assert flow.task("yes").upstream == (Edge("fit"),)
    assert flow.task("no").side == Side("gate", "ElseSteps")
    assert flow.task("gate").arguments == {"Conditions": []}
    assert flow.waits_for()["yes"] == ("fit", "gate")


def test_steps_inside_a_loop_are_no_tasks() -> None:
    loop = step("each", "ForEach", Arguments={"Steps": [step("inner")]})
    assert [task.name for task in read_workflow(compiled(loop)).tasks] == ["each"]


def test_a_property_file_is_read_where_its_output_lies() -> None:
    report = {"PropertyFileName": "Report", "OutputName": "metrics", "FilePath": "all.json"}
    read = {
        "Std:JsonGet": {"PropertyFile": {"Get": "Steps.eval.PropertyFiles.Report"}, "Path": "a"}
    }
    fail = step("fail", "Fail", Arguments={"ErrorMessage": read})
    flow = read_workflow(compiled(step("eval", PropertyFiles=[report]), fail))
    place = "Steps.eval.ProcessingOutputConfig.Outputs['metrics'].S3Output.S3Uri"
    location = {"Std:Join": {"On": "/", "Values": [{"Get": place}, "all.json"]}}
    file = PropertyFile("eval", "Report", location)
    assert flow.task("eval").property_files == (file,)
    assert flow.task("fail").reads == (file,)
    assert flow.task("fail").upstream == (Edge("eval"),)


def test_parameters_keep_type_default_and_allowed_values() -> None:
    declared: list[Json] = [
        {"Name": "mode", "Type": "String", "DefaultValue": "fast", "EnumValues": ["fast", "full"]},
        {"Name": "rows", "Type": "Integer"},
    ]
    flow = read_workflow(compiled(parameters=declared))
    assert flow.parameters == (
        Parameter("mode", "String", "fast", ("fast", "full")),
        Parameter("rows", "Integer"),
    )


def test_expressions_are_found_at_any_depth() -> None:
    join = {"Std:Join": {"On": "/", "Values": ["a", {"Get": "Parameters.x"}]}}
    assert list(expressions_in([{"deep": join}])) == [join, {"Get": "Parameters.x"}]


def test_a_compiled_pipeline_has_retries_and_a_failure_edge(tmp_path: Path) -> None:
    pipeline = compile_demo(
        tmp_path,
        "fit: Training, on_failure: [tidy]\nmodel: CreateModel\ntidy: Processing",
        "fit >> model",
    )
    flow = read_workflow(pipeline)
    assert flow.task("tidy").upstream == (Edge("fit", "Failed"),)
    assert flow.task("fit").retries[0]["ExceptionType"] == ["Step.SERVICE_FAULT", "Step.THROTTLING"]


def test_fails_where_steps_wait_in_a_circle() -> None:
    with pytest.raises(CompileError, match="wait for each other"):
        read_workflow(compiled(step("a", DependsOn=["b"]), step("b", DependsOn=["a"])))


def test_fails_with_every_refusal_at_once() -> None:
    problems = [
        refusal("Step Functions", "ask", "a Callback step", "use a Lambda step"),
        refusal("Step Functions", "check", "a QualityCheck step", "run it on SageMaker"),
    ]
    with pytest.raises(ExportError) as caught:
        refuse("demo", problems)
    assert str(caught.value).splitlines() == [
        "demo.ask: Step Functions cannot express a Callback step",
        "    hint: use a Lambda step",
        "demo.check: Step Functions cannot express a QualityCheck step",
        "    hint: run it on SageMaker",
    ]


def test_nothing_to_refuse_is_no_error() -> None:
    refuse("demo", [])


def test_every_call_is_one_of_botocore() -> None:
    import botocore.session

    model = botocore.session.get_session().get_service_model("sagemaker")
    for call in CALLS:
        request = model.operation_model(call.operation).input_shape
        answer = model.operation_model(call.describe).output_shape
        assert request is not None
        assert answer is not None
        members, described = request.members, answer.members
        if call.name_member:
            assert members[call.name_member].metadata["max"] == call.longest_name
        assert call.answer is None or call.answer in described
        assert call.stop is None or call.stop in model.operation_names
