"""The check of a step's arguments against botocore's request shapes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.language import is_expression
from smp.definition.request_check import check_step_request
from smp.errors import CompileError
from tests.compiler.compiling import Json, compile_demo, step
from tests.graph.workspace import DIRECTORY, IMAGE

STEPS = """\
prep: Processing
fit: Training
model: CreateModel
predict: Transform, chain_input_source_step: prep
score: Metrics, chain_input_source_step: predict
register: RegisterModel
"""

Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledPipeline:
    return compile_demo(tmp_path_factory.mktemp("workspace"), STEPS)


def mutated(compiled: CompiledPipeline, name: str, place: Place, value: Any) -> Json:
    """A step with one value of its arguments replaced, or with `del`, taken away."""
    changed = copy.deepcopy(step(compiled, name))
    *parents, last = place
    holder = changed["Arguments"]
    for part in parents:
        holder = holder[part]
    if value is delete:
        del holder[last]
    else:
        holder[last] = value
    return changed


def delete() -> None:
    """Stands for the value that takes a member away."""


def path_of(place: Place) -> str:
    return "Arguments" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place)


CLUSTER: Place = ("ProcessingResources", "ClusterConfig")
FAULTS: list[tuple[str, Place, Any, str]] = [
    ("prep", (*CLUSTER, "InstanceType"), "ml.huge", "'ml.huge' is not one of the values"),
    ("prep", (*CLUSTER, "InstanceCount"), 0, "0, allowed 1 to 100"),
    ("prep", (*CLUSTER, "InstanceCount"), "2", "expected an integer, found '2'"),
    ("prep", (*CLUSTER, "InstanceCount"), True, "expected an integer, found True"),
    ("prep", ("AppSpecification", "ImageUri"), delete, "it is required"),
    ("prep", ("RoleArn",), "nobody", "does not match"),
    ("prep", ("RoleArn",), delete, "it is required"),
    ("prep", ("ProcessingInputs",), {}, "expected a list, found {}"),
    (
        "prep",
        ("ProcessingInputs", 0, "S3Input", "S3DataType"),
        "Prefix",
        "is not one of the values",
    ),
    ("prep", ("ProcessingInputs", 0, "S3Input", "Path"), "x", "there is no such member"),
    ("prep", ("NetworkConfig",), "none", "expected an object, found 'none'"),
    ("prep", ("AppSpecification", "ImageUri"), "x" * 256, "256 characters, allowed"),
    ("prep", ("AppSpecification", "ContainerEntrypoint"), ["x"] * 101, "101 items, allowed"),
    ("fit", ("HyperParameters",), {"depth": 3}, "expected a string, found 3"),
    ("fit", ("HyperParameters",), {"n": "x" * 2501}, "2501 characters, allowed"),
    ("fit", ("InputDataConfig", 0, "ChannelName"), "a b", "does not match"),
    ("fit", ("StoppingCondition", "MaxRuntimeInSeconds"), 0, "allowed 1"),
    ("fit", ("EnableInterContainerTrafficEncryption",), "yes", "expected a boolean, found 'yes'"),
    ("model-CreateModel", ("PrimaryContainer", "Imag"), "x", "there is no such member"),
    ("model-CreateModel", ("VpcConfig", "Subnets"), [], "0 items, allowed 1 to 16"),
    ("predict", ("TransformInput", "SplitType"), "Word", "is not one of the values"),
    ("predict", ("MaxPayloadInMB",), -1, "-1, allowed 0"),
    ("predict", ("TransformResources",), delete, "it is required"),
    ("score", ("ProcessingOutputConfig", "Outputs", 0, "OutputName"), delete, "it is required"),
    ("register-RegisterModel", ("ModelApprovalStatus",), "Aproved", "is not one of the values"),
    ("register-RegisterModel", ("ModelPackageGroupName",), "", "'' does not match"),
]


@pytest.mark.parametrize(
    ("name", "place", "value", "reason"),
    FAULTS,
    ids=[f"{n}-{p[-1]}-{str(getattr(v, '__name__', v))[:12]}" for n, p, v, _ in FAULTS],
)
def test_fails_with_the_path_of_what_was_changed(
    compiled: CompiledPipeline, name: str, place: Place, value: Any, reason: str
) -> None:
    faults = check_step_request(mutated(compiled, name, place, value))
    assert all(path.startswith(path_of(place)) for path, _ in faults)
    assert reason in faults[-1][1]


@pytest.mark.parametrize(
    "expression",
    [
        {"Get": "Parameters.InstanceCount"},
        {"Std:Join": {"On": "", "Values": ["a", {"Get": "Execution.PipelineExecutionId"}]}},
        {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.a.PropertyFiles.b"}, "Path": "x"}},
    ],
)
@pytest.mark.parametrize(
    "place", [(*CLUSTER, "InstanceCount"), ("RoleArn",), ("ProcessingInputs",)]
)
def test_an_expression_may_stand_where_a_value_does(
    compiled: CompiledPipeline, place: Place, expression: Json
) -> None:
    assert is_expression(expression)
    assert check_step_request(mutated(compiled, "prep", place, expression)) == []


def test_what_is_no_expression_is_checked(compiled: CompiledPipeline) -> None:
    wrong = {"Get": "a", "Std:Join": "b"}
    assert check_step_request(mutated(compiled, "prep", ("RoleArn",), wrong))


def test_a_deploy_time_name_may_stand_in_any_text(compiled: CompiledPipeline) -> None:
    changed = mutated(compiled, "prep", (*CLUSTER, "InstanceType"), "${smp:region}")
    assert check_step_request(changed) == []


def test_a_parameter_counts_as_its_default(compiled: CompiledPipeline) -> None:
    """An integer parameter inside HyperParameters stays an integer, and the service takes texts only."""
    expression = {"Get": "Parameters.Depth"}
    changed = mutated(compiled, "fit", ("HyperParameters",), {"depth": expression})
    assert check_step_request(changed) == []
    assert check_step_request(changed, {"Depth": "3"}) == []
    assert check_step_request(changed, {"Depth": 3}) == [
        ("Arguments.HyperParameters.depth", "expected a string, found 3")
    ]


def test_a_step_type_without_a_request_has_no_faults() -> None:
    assert check_step_request({"Name": "c", "Type": "Condition", "Arguments": {"x": 1}}) == []


def test_names_that_the_service_fills_in_may_be_left_out(compiled: CompiledPipeline) -> None:
    assert [check_step_request(item) for item in compiled.steps()] == [[]] * 6


def collect(place: Place, value: Any, found: list[tuple[Place, Any]]) -> None:
    found.append((place, value))
    if is_expression(value):
        return
    items: Any = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        collect((*place, key), item, found)


MUTATIONS: dict[str, Callable[[Any], Any]] = {
    "another type": lambda value: 1 if isinstance(value, (str, dict, list)) else "text",
    "an unknown member": lambda value: {**value, "NoSuchMember": 1},
}
FREE_MAPS = {"Environment", "HyperParameters", "CustomerMetadataProperties"}


@pytest.mark.parametrize("kind", MUTATIONS)
def test_no_value_of_any_step_can_change_its_type_unnoticed(
    compiled: CompiledPipeline, kind: str
) -> None:
    unnoticed = []
    for item in compiled.steps():
        places: list[tuple[Place, Any]] = []
        collect((), item["Arguments"], places)
        for place, value in places[1:]:
            is_map = place[-1] in FREE_MAPS
            if is_expression(value) or (
                kind == "an unknown member" and (is_map or not isinstance(value, dict))
            ):
                continue
            changed = mutated(compiled, item["Name"], place, MUTATIONS[kind](value))
            if not check_step_request(changed):
                unnoticed.append((item["Name"], place))
    assert unnoticed == []


def test_fails_with_the_place_of_the_step_in_the_file(tmp_path: Path) -> None:
    section = f"{{image_uri: {IMAGE}, entry_point: {'deep/' * 60}preprocess.py}}"
    script = tmp_path / DIRECTORY / "scripts" / f"{'deep/' * 60}preprocess.py"
    script.parent.mkdir(parents=True)
    script.touch()
    with pytest.raises(CompileError) as error:
        compile_demo(tmp_path, "prep: Processing", demo__preprocess=section)
    assert str(error.value) == (
        f"{DIRECTORY}/conf/pipeline.yaml:7:13: conf.sagemakerPipeline.models.demo.steps[0]: step prep: "
        "the service would refuse Arguments.AppSpecification.ContainerEntrypoint[2]: "
        "362 characters, allowed 0 to 256"
    )
