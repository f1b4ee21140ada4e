"""The DAG file: read as text, refused as a whole, and the same for every example as it was."""

from __future__ import annotations

import ast
import builtins
import keyword
import string
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smp.definition.compiled import CompiledPipeline
from smp.definition.triggers import ApprovedModel, DataArrival, Schedule
from smp.export.airflow import dag_values, render_dag
from smp.export.airflow.checks import dag_notes
from smp.export.airflow.runtime_files import exported_names
from smp.export.airflow.schedule import read_schedule, unix_cron
from smp.export.refusal import ExportError
from smp.export.workflow import read_workflow
from tests.export import definitions as d
from tests.export.airflow.deployment import example, examples

GOLDEN = Path(__file__).with_name("golden")
EXAMPLES = ("churn-batch", "churn-lightgbm", "housing", "video-recommender")


def dag_of(compiled: CompiledPipeline) -> str:
    return render_dag(compiled)[f"{compiled.name}.py"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_the_file_that_it_was(name: str, update_golden: bool) -> None:
    text = dag_of(example(name))
    for tree in example(name).code:
        text = text.replace(tree.sha256, f"<code of {tree.origin}>")
    path = GOLDEN / f"{name}.txt"
    if update_golden:
        path.write_text(text, encoding="utf-8")
    assert path.is_file(), "no golden file: pytest tests/export/airflow --update-golden"
    assert text == path.read_text(encoding="utf-8")


def test_files_are_as_the_formatter_and_the_linter_want_them(tmp_path: Path) -> None:
    odd = d.condition(
        "is it good-enough, or not",
        [
            {
                "Type": "Or",
                "Conditions": [
                    {
                        "Type": "Not",
                        "Condition": d.compare(d.get("Parameters.mode"), "Equals", 'a "b"'),
                    },
                    {
                        "Type": "In",
                        "QueryValue": d.get("Parameters.mode"),
                        "Values": ["x", "y" * 60],
                    },
                    d.compare(d.value_of("class", "a.b"), "GreaterThan", d.value_of("class", "b")),
                ],
            }
        ],
        [d.training("1-fit")],
    )
    compiled = d.pipeline(
        d.processing(
            "class", f"{d.BUCKET}/{{braces}}/'\"", environment={"A": "x" * 200, "B": "{{ x }}"}
        ),
        odd,
        parameters=[d.parameter("mode", DefaultValue="x", Description="which way")],
    )
    for made in [*examples(), compiled]:
        (tmp_path / f"{made.name}.py").write_text(dag_of(made), encoding="utf-8")
    for command in (
        ("format", "--diff", "--line-length", "100"),
        (
            "check",
            "--select",
            "F,I,UP,B",
            "--config",
            "lint.isort.known-first-party=['smp_airflow']",
        ),
    ):
        ruff = [sys.executable, "-m", "ruff", command[0], "--isolated", *command[1:], str(tmp_path)]
        done = subprocess.run(ruff, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_no_deploy_time_name_is_left_in_a_dag() -> None:
    for compiled in examples():
        text = dag_of(compiled)
        assert "${smp:" not in text
        assert all(f'VALUES["{name}"]' in text for name in dag_values(compiled))


def test_a_dag_has_the_same_text_each_time() -> None:
    assert render_dag(example("housing")) == render_dag(example("housing"))


STEP_NAMES = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=12)
NAMES_OF_FILES = (*exported_names(), *keyword.kwlist, "VALUES", "timedelta", "any.failure")


@given(st.lists(STEP_NAMES | st.sampled_from(NAMES_OF_FILES), min_size=3, max_size=6, unique=True))
def test_no_name_of_a_step_is_bound_twice_or_by_something_else(names: list[str]) -> None:
    first, gate, *others = (name.replace(".", "-") for name in names)
    if len({first, gate, *others}) < len(names):
        return
    compiled = d.pipeline(
        d.processing(first),
        d.condition(gate, [d.compare(d.value_of(first, name), "Equals", 1) for name in names]),
        *(d.processing(name, RetryPolicies=d.FAULTS) for name in others),
        d.processing("after-failure", DependsOn=d.failed(first)),
    )
    module = ast.parse(dag_of(compiled))
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    bound = [
        node.id
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inside
    ]
    imported = [
        name.name
        for node in ast.walk(module)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    ]
    everywhere = [*bound, *imported, *(function.name for function in functions)]
    assert len(set(everywhere)) == len(everywhere)
    for function in functions:
        own = {
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        assert not own & {*everywhere, "context"}
        assert len(own) == len(names)


def test_no_name_of_the_runtime_is_in_the_namespace_of_a_step() -> None:
    for name in (*exported_names(), *keyword.kwlist, *dir(builtins)):
        assert not name.lower().startswith(("step_", "side_of_", "value_", "file_", "retries_"))


def test_arrows_that_follow_from_others_are_left_out() -> None:
    compiled = d.pipeline(
        d.processing("a"),
        d.processing("b", d.output_of("a")),
        d.training("c", d.output_of("b"), DependsOn=["a"]),
    )
    assert dag_of(compiled).endswith("\n    step_a >> step_b >> step_c\n")


def test_a_schedule_a_limit_and_tags_are_the_dags() -> None:
    weekly = Schedule(
        "weekly",
        target="airflow",
        expression="cron(0 5 ? * MON *)",
        timezone="Europe/Berlin",
        start="2030-01-01T00:00:00Z",
        parameters={"rows": "500"},
    )
    compiled = replace(
        d.pipeline(
            d.processing("a", environment={"ROWS": d.get("Parameters.rows")}),
            parameters=[d.parameter("rows", "Integer", Description="how many")],
            most=3,
        ),
        triggers=(weekly,),
        tags={"team": "research"},
    )
    text = dag_of(compiled)
    assert 'schedule=cron("0 5 * * MON", "Europe/Berlin"),' in text
    assert 'start_date=not_before("2030-01-01T00:00:00Z"),' in text
    assert "max_active_tasks=3," in text
    assert '"rows": Param(500, type="integer", description="how many")' in text
    assert 'user_defined_macros={"scheduled_parameters": {"rows": 500}},' in text
    assert 'tags=["team:research"],' in text


@pytest.mark.parametrize(
    ("aws", "unix"),
    [
        ("0 6 * * ? *", "0 6 * * *"),
        ("0/30 8-17 ? * MON-FRI *", "0-59/30 8-17 * * MON-FRI"),
        ("0 6 L * ? *", "0 6 L * *"),
        ("0 6 ? * 2#1 *", "0 6 * * MON#1"),
        ("0 6 ? * 6L *", "0 6 * * L5"),
        ("0 6 ? * 1,7 *", "0 6 * * SUN,SAT"),
        ("15 10 ? JAN-MAR 2-6 *", "15 10 * JAN-MAR MON-FRI"),
    ],
)
def test_times_are_written_in_five_fields(aws: str, unix: str) -> None:
    assert unix_cron(aws) == unix


def test_a_rate_is_a_timedelta() -> None:
    assert read_schedule(Schedule("often", expression="rate(45 minutes)")).every == ("minutes", 45)
    assert read_schedule(Schedule("daily", expression="rate(1 day)")).every == ("days", 1)


def test_what_holds_differently_is_said() -> None:
    compiled = example("churn-lightgbm")
    notes = "\n".join(dag_notes(compiled, read_workflow(compiled)))
    assert "caching is not there: churn-training, churn-transform, churn-metrics" in notes
    assert "retries by time are counted tries: churn-training" in notes


def test_fails_with_all_that_a_dag_cannot_express() -> None:
    callback = {"Name": "ask", "Type": "Callback", "SqsQueueUrl": "https://q", "Arguments": {}}
    cluster = {"Name": "count", "Type": "EMR", "Arguments": {}}
    late = d.processing("late", DependsOn=d.failed("count", "Stopped"))
    late["Arguments"]["Environment"] = {"JOB": d.get("Execution.TrainingJobName")}
    triggers = (
        DataArrival("new-data", target="airflow", prefix="in/"),
        ApprovedModel("elsewhere", model_package_group="m"),
        Schedule("one", target="airflow", expression="cron(0 6 15W * ? *)"),
        Schedule("two", target="airflow", expression="rate(1 hour)"),
        Schedule("off", enabled=False, target="airflow", expression="rate(1 hour)"),
    )
    compiled = replace(d.pipeline(callback, cluster, late), triggers=triggers)
    with pytest.raises(ExportError) as raised:
        render_dag(compiled)
    told = str(raised.value)
    assert [problem.path for problem in raised.value.problems] == [
        "demo.ask",
        "demo.count",
        "demo.late",
        "demo.late",
        "demo.new-data",
        "demo.one",
        "demo.two",
    ]
    assert "Airflow cannot express a step that waits for a message from a queue" in told
    assert "a start once count was stopped: a stopped job is a failed task" in told
    assert "Execution.TrainingJobName" in told
    assert "it knows no nearest working day" in told
    assert "a second schedule" in told
    assert all(problem.hint for problem in raised.value.problems)
