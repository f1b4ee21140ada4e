"""State machines as they are written: whole, checked by two validators, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import CALLS
from smp.export.refusal import ExportError
from smp.export.stepfunctions import (
    render_state_machine,
    state_machine_permissions,
    state_machine_text,
)
from tests.compiler.compiling import example_graphs
from tests.export.definitions import (
    FAULTS,
    compare,
    condition,
    fail,
    failed,
    function,
    get,
    join,
    model,
    output_of,
    parameter,
    pipeline,
    processing,
    register,
    training,
    transform,
    tuning,
    value_of,
)
from tests.export.step_functions import deployed
from tests.export.stepfunctions.checks import request_faults, states_in, validated

Json = dict[str, Any]
GOLDEN = Path(__file__).with_name("golden")
EXAMPLES = ("churn-batch", "churn-lightgbm", "housing", "summarization-llm", "video-recommender")


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CompiledPipeline]:
    store = tmp_path_factory.mktemp("store")
    return {graph.name: compile_pipeline(graph, store) for graph in example_graphs()}


@cache
def everything() -> CompiledPipeline:
    """Every kind of step, edge and expression in one pipeline."""
    return pipeline(
        processing(
            "prep",
            join("s3://raw", get("Parameters.day")),
            RetryPolicies=FAULTS,
            environment={
                "QUOTED": 'it\'s "so" {% %}',
                "CODE": "{% 1 %}",
                "ID": get("Execution.PipelineExecutionId"),
            },
        ),
        training("fit", output_of("prep"), RetryPolicies=FAULTS),
        tuning("tune", output_of("prep")),
        function("ask", {"why": "because"}, {"best": "Float"}),
        model("serve", "fit"),
        transform("predict", "serve"),
        processing("evaluate", get("Steps.predict.TransformOutput.S3OutputPath")),
        condition(
            "gate",
            [
                compare(value_of("evaluate", "a['b c'][0]"), "GreaterThan", 0.5),
                {
                    "Type": "Or",
                    "Conditions": [
                        {"Type": "In", "QueryValue": get("Parameters.day"), "Values": ["mo", "tu"]},
                        {
                            "Type": "Not",
                            "Condition": compare(
                                get("Steps.ask.OutputParameters['best']"), "Equals", 0.7
                            ),
                        },
                    ],
                },
            ],
            [register("keep", "fit")],
            [fail("refuse", join("it is ", value_of("evaluate", "a['b c'][0]"), on=""))],
        ),
        processing("tidy", DependsOn=failed("fit")),
        processing("always", DependsOn=failed("tune", "Any")),
        parameters=[parameter("day", DefaultValue="mo"), parameter("rows", "Integer")],
    )


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_bundled_example_becomes_its_golden_state_machine(
    name: str, examples: dict[str, CompiledPipeline], update_golden: bool
) -> None:
    text = state_machine_text(render_state_machine(examples[name]))
    for tree in examples[name].code:
        text = text.replace(tree.sha256, f"<code:{tree.origin}>")
    path = GOLDEN / f"{name}.asl.json"
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_bundled_example_has_a_golden_state_machine(
    examples: dict[str, CompiledPipeline],
) -> None:
    assert sorted(examples) == sorted(EXAMPLES)


@pytest.mark.slow
def test_both_validators_find_nothing_wrong(examples: dict[str, CompiledPipeline]) -> None:
    machines = [
        deployed(render_state_machine(compiled)) for compiled in (*examples.values(), everything())
    ]
    assert validated(machines) == [[] for _ in machines]
    assert [request_faults(machine) for machine in machines] == [[] for _ in machines]


def _state(machine: Json, name: str) -> Json:
    return dict(states_in(machine))[name]


def _dangling(machine: Json) -> None:
    _state(machine, "serve")["Next"] = "nowhere"


def _unreachable(machine: Json) -> None:
    machine["States"]["alone"] = {"Type": "Succeed"}


def _endless(machine: Json) -> None:
    _state(machine, "evaluate").pop("End")


def _bad_code(machine: Json) -> None:
    _state(machine, "gate")["Choices"][0]["Condition"] = "{% $states.input.( > 1 %}"


def _old_field(machine: Json) -> None:
    _state(machine, "serve")["ResultPath"] = "$.x"


def _unknown_type(machine: Json) -> None:
    _state(machine, "refuse")["Type"] = "Give up"


def _no_default(machine: Json) -> None:
    _state(machine, "Are the parameters right?")["Default"] = "Nobody"


def _bad_resource(machine: Json) -> None:
    _state(machine, "fit")["Resource"] = "sagemaker.createTrainingJob"


def _no_start(machine: Json) -> None:
    machine["StartAt"] = "Somewhere"


STRUCTURE = (
    _dangling,
    _unreachable,
    _endless,
    _bad_code,
    _old_field,
    _unknown_type,
    _no_default,
    _bad_resource,
    _no_start,
)


def test_fails_where_the_structure_is_mutated() -> None:
    mutants = []
    for mutate in STRUCTURE:
        machine = copy.deepcopy(deployed(render_state_machine(everything())))
        mutate(machine)
        mutants.append(machine)
    found = dict(zip((mutate.__name__ for mutate in STRUCTURE), validated(mutants), strict=True))
    assert [name for name, errors in found.items() if not errors] == []


def _misspelt(arguments: Json) -> None:
    arguments["TrainingImages"] = "x"


def _missing(arguments: Json) -> None:
    del arguments["OutputDataConfig"]


def _number(arguments: Json) -> None:
    arguments["HyperParameters"]["rounds"] = 12


def _unknown_instance(arguments: Json) -> None:
    arguments["ResourceConfig"]["InstanceType"] = "ml.huge"


@pytest.mark.parametrize("mutate", [_misspelt, _missing, _number, _unknown_instance])
def test_fails_where_a_request_is_mutated(mutate: Callable[[Json], None]) -> None:
    machine = deployed(render_state_machine(everything()))
    mutate(_state(machine, "fit")["Arguments"])
    assert request_faults(machine)


def _allowed(compiled: CompiledPipeline, action: str) -> list[str]:
    """Return what a role may do an action to."""
    return [
        resource
        for statement in state_machine_permissions(compiled)
        if action in statement.actions
        for resource in statement.resources
    ]


def _called(state: Json) -> tuple[str, str]:
    """Return the action that a task takes, and the end of the ARN of what it takes it to."""
    service, _, action = state["Resource"].removesuffix(".sync").rpartition(":")
    arguments = state["Arguments"]
    if action == "getObject":
        return "s3:GetObject", ""
    if action == "invoke":
        return "lambda:InvokeFunction", arguments["FunctionName"]
    name = next((v for k, v in arguments.items() if k == MEMBERS.get(action)), None)
    end = arguments["ModelPackageGroupName"] if name is None else f"{name.split(chr(39))[1]}*"
    return f"{service.rpartition(':')[2]}:{action[0].upper()}{action[1:]}", end


MEMBERS = {call.operation[0].lower() + call.operation[1:]: call.name_member for call in CALLS}


def test_the_role_allows_every_call_under_the_names_that_it_is_made_with(
    examples: dict[str, CompiledPipeline],
) -> None:
    for compiled in (*examples.values(), everything()):
        for name, state in states_in(render_state_machine(compiled)):
            if state["Type"] == "Task":
                action, end = _called(state)
                allowed = _allowed(compiled, action)
                assert any(resource.endswith(end) for resource in allowed), (name, action, end)


def test_the_same_pipeline_is_the_same_text() -> None:
    first, second = (state_machine_text(render_state_machine(everything())) for _ in range(2))
    assert first == second


def test_every_state_has_a_name_of_its_own() -> None:
    names = [name for name, _ in states_in(render_state_machine(everything()))]
    assert len(names) == len(set(names))
    assert max(map(len, names)) <= 80


def test_names_are_cut_to_what_services_take() -> None:
    long = "a-step-with-a-name-that-is-as-long-as-names-of-steps-may-be-64-1"
    other = "a-step-with-a-name-that-is-as-long-as-names-of-steps-may-be-64-2"
    steps = [
        tuning(long),
        tuning(other),
        processing(f"{long[:-1]}x", DependsOn=failed(long, "Any")),
    ]
    machine = render_state_machine(pipeline(*steps))
    starts = [
        state["Arguments"]["HyperParameterTuningJobName"].split("'")[1]
        for _, state in states_in(machine)
        if "HyperParameterTuningJobName" in state.get("Arguments", {})
    ]
    assert len(set(starts)) == 2
    assert all(len(start) + len("12345678-99-99") <= 32 for start in starts)
    assert all(len(name) <= 80 for name, _ in states_in(machine))


def test_a_straight_pipeline_asks_nothing() -> None:
    """A choice is only there where it decides something."""
    steps = [training("fit"), model("serve", "fit"), transform("predict", "serve")]
    machine = render_state_machine(pipeline(*steps))
    kinds = [state["Type"] for state in machine["States"].values()]
    assert kinds.count("Choice") == 1
    assert "Parallel" not in kinds


def test_sides_of_a_condition_are_no_branches() -> None:
    gate = condition(
        "gate",
        [compare(get("Parameters.rows"), "GreaterThan", 1)],
        [training("one"), training("two")],
        [training("three")],
    )
    machine = render_state_machine(pipeline(gate, parameters=[parameter("rows", "Integer")]))
    choice = machine["States"]["gate"]
    assert choice["Choices"][0]["Next"] == "one and two"
    assert choice["Default"] == "three"


def test_a_literal_that_looks_like_code_stays_a_literal() -> None:
    environment = _state(render_state_machine(everything()), "prep")["Arguments"]["Environment"]
    assert environment["CODE"] == "{% '{% 1 %}' %}"
    assert environment["QUOTED"] == 'it\'s "so" {% %}'


REFUSED = [
    {"Name": "queue", "Type": "Callback", "Arguments": {}, "SqsQueueUrl": "https://sqs"},
    {"Name": "check", "Type": "QualityCheck", "Arguments": {}},
    {"Name": "spark", "Type": "EMRServerless", "Arguments": {}},
    {"Name": "each", "Type": "ForEach", "Arguments": {"Steps": [processing("inner")]}},
    processing("odd", environment={"X": get("Execution.TrainingJobName")}),
    training("fit"),
    model("serve", "fit"),
    processing("use", get("Steps.serve.PrimaryContainer.ModelDataUrl")),
    tuning("tune"),
    processing("second", get("Steps.tune.TrainingJobSummaries[1].TrainingJobName")),
]


def test_fails_with_all_that_cannot_be_expressed_at_once(update_golden: bool) -> None:
    with pytest.raises(ExportError) as caught:
        render_state_machine(pipeline(*REFUSED))
    told = GOLDEN / "refused.txt"
    if update_golden:
        told.write_text(f"{caught.value}\n", encoding="utf-8")
    assert f"{caught.value}\n" == told.read_text(encoding="utf-8")


def test_fails_where_a_definition_is_too_long() -> None:
    steps = [processing(f"p-{n}", environment={"X": "x" * 30_000}) for n in range(40)]
    with pytest.raises(ExportError, match="at most 1,048,576 characters"):
        render_state_machine(pipeline(*steps))


def test_nothing_is_lost_of_a_request() -> None:
    """Every argument of every step is in the state machine, value by value."""
    compiled = everything()
    machine = render_state_machine(compiled)
    for step in compiled.steps():
        if step["Type"] in ("Condition", "Fail", "Lambda"):
            continue
        written = _state(machine, step["Name"])["Arguments"]
        for key, value in step["Arguments"].items():
            if "Get" not in json.dumps(value) and "{%" not in json.dumps(value):
                assert written[key] == value
            assert key in written
