"""The expressions and conditions of the definition language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smp.definition.evaluate import Scope, resolve
from smp.errors import RunError
from smp.local.engine.conditions import holds

SCOPE = Scope(
    parameters={"Rows": 3, "Name": "a", "Flag": True},
    execution={"PipelineName": "p"},
    steps={
        "train": {
            "ModelArtifacts": {"S3ModelArtifacts": "s3://b/m"},
            "FinalMetricDataList": [{"MetricName": "validation:auc", "Value": 0.9}],
        },
        "prep": {"ProcessingOutputConfig": {"Outputs": {"o.1": {"S3Uri": "s3://b/o"}}}},
    },
    read_json=lambda step, name: {
        "step": step,
        "name": name,
        "list": [{"v": 1}, {"v": 2}],
        "one": [{"v": 1}],
        "none": None,
    },
)


def report(path: str) -> dict[str, Any]:
    return {
        "Std:JsonGet": {"PropertyFile": {"Get": "Steps.eval.PropertyFiles.Report"}, "Path": path}
    }


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ({"Get": "Parameters.Rows"}, 3),
        ({"Get": "Execution.PipelineName"}, "p"),
        ({"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}, "s3://b/m"),
        ({"Get": "Steps.train.FinalMetricDataList[0].Value"}, 0.9),
        ({"Get": "Steps.train.FinalMetricDataList['validation:auc'].Value"}, 0.9),
        ({"Get": "Steps.prep.ProcessingOutputConfig.Outputs['o.1'].S3Uri"}, "s3://b/o"),
        ({"Get": 'Steps.prep.ProcessingOutputConfig.Outputs["o.1"].S3Uri'}, "s3://b/o"),
        ({"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Name"}, 1]}}, "s3://a/1"),
        ({"Std:Join": {"On": "", "Values": []}}, ""),
        ({"Std:Join": {"Values": [{"Get": "Parameters.Flag"}, "x"]}}, "truex"),
        (report("list[1].v"), 2),
        (report("$.step"), "eval"),
        (report("$['name']"), "Report"),
        ({"a": [{"b": {"Get": "Parameters.Rows"}}], "c": None}, {"a": [{"b": 3}], "c": None}),
        ({"Get": ["not", "an", "expression"]}, {"Get": ["not", "an", "expression"]}),
    ],
)
def test_expressions(expression: Any, expected: Any) -> None:
    assert resolve(expression, SCOPE) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            {"Get": "Parameters.Row"},
            "the pipeline's parameters has no 'Row' (of Row); it has: Rows, Name, Flag",
        ),
        ({"Get": "Steps.gone.X"}, "Steps.gone.X is read, but step 'gone' did not run"),
        ({"Get": "Else.X"}, "unknown reference 'Else.X'"),
        (
            report("list[2].v"),
            "the report of step 'eval' has no item 2 (of list[2].v); it has 2 items",
        ),
        (report("one[1]"), "has no item 1 (of one[1]); it has 1 item"),
        (report("list.v"), "has no 'v' (of list.v); it has 2 items"),
        (report("step[0]"), "has no item 0 (of step[0]); it is 'eval'"),
        (report("none.a"), "has no 'a' (of none.a); it is nothing"),
        (report("list[\u0661]"), "cannot read the path 'list[\u0661]' at character 5"),
        (
            {"Get": "Steps.train.FinalMetricDataList['auc'].Value"},
            "step 'train' has no 'auc' (of FinalMetricDataList['auc'].Value); "
            "it has: validation:auc",
        ),
        (report("step[x"), "cannot read the path 'step[x' at character 5"),
    ],
)
def test_fails_for_what_is_not_there(expression: Any, message: str) -> None:
    with pytest.raises(RunError) as caught:
        resolve(expression, SCOPE)
    assert message in str(caught.value)


@pytest.mark.parametrize("around", [lambda v: v, lambda v: {"Std:Join": {"On": "", "Values": [v]}}])
def test_fails_for_null(around: Callable[[Any], Any]) -> None:
    with pytest.raises(RunError, match="none in the report of step 'eval' is null"):
        resolve(around(report("none")), SCOPE)


@pytest.mark.parametrize(("path", "kind"), [("list", "a list of 2"), ("list[0]", "a mapping with")])
def test_fails_to_join_what_is_no_text(path: str, kind: str) -> None:
    with pytest.raises(RunError) as caught:
        resolve({"Std:Join": {"On": "", "Values": ["a ", report(path)]}}, SCOPE)
    assert str(caught.value).startswith("cannot join texts: ")
    assert f" is {kind}" in str(caught.value)


def test_a_property_file_is_only_there_where_one_can_be_read() -> None:
    with pytest.raises(RunError, match="a property file is read where there is none"):
        resolve(report("a"), Scope({}, {}))


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compare("Equals", {"Get": "Parameters.Name"}, "a"), True),
        (compare("Equals", 1, 1.0), True),
        (compare("Equals", 1, True), False),
        (compare("Equals", {"Get": "Parameters.Flag"}, True), True),
        (compare("GreaterThan", "b", "a"), True),
        ({"Type": "In", "QueryValue": 0, "Values": [False]}, False),
        ({"Type": "In", "QueryValue": False, "Values": [0, False]}, True),
        (compare("GreaterThan", 2, 2), False),
        (compare("GreaterThanOrEqualTo", 2, 2), True),
        (compare("LessThan", report("list[0].v"), 2), True),
        (compare("LessThanOrEqualTo", 3, 2), False),
        ({"Type": "Not", "Condition": compare("Equals", 1, 2)}, True),
        ({"Type": "In", "QueryValue": {"Get": "Parameters.Name"}, "Values": ["b", "a"]}, True),
        ({"Type": "In", "QueryValue": "c", "Values": ["b", "a"]}, False),
        ({"Type": "Or", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, True),
        ({"Type": "And", "Conditions": [compare("Equals", 1, 2), compare("Equals", 1, 1)]}, False),
    ],
)
def test_conditions(condition: dict[str, Any], expected: bool) -> None:
    assert holds(condition, SCOPE) is expected


@pytest.mark.parametrize(("left", "shown"), [("a", '"a"'), (True, "true"), (None, "null")])
def test_fails_to_order_what_are_not_two_numbers_or_texts(left: Any, shown: str) -> None:
    with pytest.raises(RunError, match=f"cannot compare {shown} with 1 by GreaterThan"):
        holds(compare("GreaterThan", left, 1), SCOPE)


def test_fails_for_a_condition_of_an_unknown_type() -> None:
    with pytest.raises(RunError, match="unknown condition type 'Like'"):
        holds({"Type": "Like"}, SCOPE)
