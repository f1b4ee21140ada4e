"""What runs, in which order, and what does not; every pipeline here really runs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smp.definition.compiled import Json
from smp.errors import RunError
from smp.local.store.run_store import RunStore
from tests.local.pipelines import (
    BUCKET,
    Workspace,
    condition,
    fail,
    greater,
    log_of,
    processing,
    statuses,
    step_of,
)

SLEEP = ("/bin/sh", "-c", "sleep 0.7")
FAILING = ("/bin/sh", "-c", "echo this went wrong; exit 3")


def test_steps_run_after_what_they_read(workspace: Workspace) -> None:
    first = workspace.processing(
        "first",
        "from pathlib import Path; Path('/opt/ml/processing/output/o/a.txt').write_text('42')",
        outputs={"o": f"{BUCKET}/first"},
    )
    second = workspace.processing(
        "second",
        "print('read', open('/opt/ml/processing/input/o/a.txt').read())",
        inputs={
            "o": {"Get": "Steps.first.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"},
        },
    )

    run = workspace.run(workspace.pipeline(second, first))

    assert statuses(run) == {"first": "Succeeded", "second": "Succeeded"}
    assert "read 42" in log_of(run, "second")
    assert run.record().status == "Succeeded"
    assert step_of(run, "first").ended <= step_of(run, "second").started  # type: ignore[operator]


def test_fails_only_what_depends_on_a_failed_step(workspace: Workspace) -> None:
    run = workspace.run(
        workspace.pipeline(
            processing("bad", FAILING),
            processing("after", depends=["bad"]),
            processing("after-that", depends=["after"]),
            processing("sibling", SLEEP),
            processing("after-sibling", depends=["sibling"]),
        )
    )

    assert statuses(run) == {
        "bad": "Failed",
        "after": "Skipped",
        "after-that": "Skipped",
        "sibling": "Succeeded",
        "after-sibling": "Succeeded",
    }
    assert run.record().status == "Failed"
    assert step_of(run, "bad").reason == "AlgorithmError: the script ended with exit code 3"
    assert step_of(run, "after").reason == "bad, which it waits for, ended as Failed"
    assert log_of(run, "bad") == "this went wrong\n"


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [("Completed", "Skipped"), ("Failed", "Succeeded"), ("Any", "Succeeded")],
)
def test_a_dependency_has_a_trigger(workspace: Workspace, trigger: str, expected: str) -> None:
    run = workspace.run(
        workspace.pipeline(
            processing("bad", FAILING),
            processing("after", depends=[{"Step": "bad", "Trigger": trigger}]),
        )
    )

    assert statuses(run)["after"] == expected


def test_independent_steps_run_at_once_and_no_more_than_asked(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(*(processing(f"s{n}", SLEEP) for n in range(4)))

    def seconds(jobs: int) -> float:
        began = time.monotonic()
        run = workspace.run(pipeline, jobs=jobs)
        assert run.record().status == "Succeeded"
        return time.monotonic() - began

    one, two = seconds(1), seconds(2)

    assert one >= 4 * 0.7
    assert 2 * 0.7 <= two < 0.75 * one


@pytest.mark.parametrize("threshold", [1, 9])
def test_a_condition_takes_one_branch(workspace: Workspace, threshold: int) -> None:
    pipeline = workspace.pipeline(
        condition(
            "is-large",
            [greater({"Get": "Parameters.Size"}, threshold)],
            yes=[processing("large"), processing("after-large", depends=["large"])],
            no=[
                fail(
                    "small",
                    {"Std:Join": {"On": " ", "Values": ["only", {"Get": "Parameters.Size"}]}},
                )
            ],
        ),
        parameters=[{"Name": "Size", "Type": "Integer", "DefaultValue": 5}],
    )

    run = workspace.run(pipeline)

    if threshold < 5:
        assert statuses(run) == {
            "is-large": "Succeeded",
            "large": "Succeeded",
            "after-large": "Succeeded",
            "small": "Skipped",
        }
        assert run.record().status == "Succeeded"
        assert step_of(run, "small").reason == "is-large took the other branch"
    else:
        assert statuses(run)["after-large"] == "Skipped"
        assert step_of(run, "small").reason == "only 5"
        assert run.record().status == "Failed"


def test_conditions_inside_conditions(workspace: Workspace) -> None:
    inner = condition("inner", [greater(1, 2)], yes=[processing("never")], no=[processing("runs")])
    untaken = condition("untaken", [greater(2, 1)], yes=[processing("not-this")])
    run = workspace.run(
        workspace.pipeline(condition("outer", [greater(2, 1)], yes=[inner], no=[untaken]))
    )

    assert {name for name, status in statuses(run).items() if status == "Skipped"} == {
        "never",
        "untaken",
        "not-this",
    }
    assert run.record().status == "Succeeded"


def test_a_condition_reads_a_property_file(workspace: Workspace) -> None:
    evaluate = workspace.processing(
        "evaluate",
        """
        import json
        with open('/opt/ml/processing/output/report/e.json', 'w') as file:
            json.dump({'metrics': {'auc': {'value': 0.9}}}, file)
        """,
        outputs={"report": f"{BUCKET}/report"},
        PropertyFiles=[
            {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "e.json"}
        ],
    )
    auc = {
        "Std:JsonGet": {
            "PropertyFile": {"Get": "Steps.evaluate.PropertyFiles.Report"},
            "Path": "metrics.auc.value",
        }
    }
    run = workspace.run(
        workspace.pipeline(evaluate, condition("good", [greater(auc, 0.8)], yes=[processing("go")]))
    )

    assert statuses(run) == {"evaluate": "Succeeded", "good": "Succeeded", "go": "Succeeded"}


def test_fails_a_condition_whose_property_file_has_no_such_path(workspace: Workspace) -> None:
    evaluate = workspace.processing(
        "evaluate",
        "open('/opt/ml/processing/output/report/e.json', 'w').write('{}')",
        outputs={"report": f"{BUCKET}/report"},
        PropertyFiles=[
            {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "e.json"}
        ],
    )
    auc = {
        "Std:JsonGet": {
            "PropertyFile": {"Get": "Steps.evaluate.PropertyFiles.Report"},
            "Path": "metrics.auc",
        }
    }
    run = workspace.run(
        workspace.pipeline(evaluate, condition("good", [greater(auc, 0)], yes=[processing("go")]))
    )

    assert statuses(run) == {"evaluate": "Succeeded", "good": "Failed", "go": "Skipped"}
    assert "has no 'metrics'" in str(step_of(run, "good").reason)


def test_fails_a_condition_whose_property_file_is_no_json(workspace: Workspace) -> None:
    evaluate = workspace.processing(
        "evaluate",
        """open('/opt/ml/processing/output/report/e.json', 'w').write('{"auc": NaN}')""",
        outputs={"report": f"{BUCKET}/report"},
        PropertyFiles=[
            {"PropertyFileName": "Report", "OutputName": "report", "FilePath": "e.json"}
        ],
    )
    report = {"Get": "Steps.evaluate.PropertyFiles.Report"}
    auc = {"Std:JsonGet": {"PropertyFile": report, "Path": "auc"}}
    run = workspace.run(
        workspace.pipeline(evaluate, condition("good", [greater(auc, 0)], yes=[processing("go")]))
    )

    assert statuses(run) == {"evaluate": "Succeeded", "good": "Failed", "go": "Skipped"}
    assert "e.json is not JSON: NaN is not a finite number" in str(step_of(run, "good").reason)


def test_one_step_alone_uses_the_results_of_an_earlier_run(workspace: Workspace) -> None:
    first = workspace.processing(
        "first",
        "open('/opt/ml/processing/output/o/a.txt', 'w').write('kept')",
        outputs={"o": f"{BUCKET}/first"},
    )
    uri = {"Get": "Steps.first.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}
    second = workspace.processing(
        "second", "print(open('/opt/ml/processing/input/o/a.txt').read())", inputs={"o": uri}
    )
    third = processing("third", depends=["second"])
    pipeline = workspace.pipeline(first, second, third, processing("aside"))

    with pytest.raises(RunError, match="no earlier run has a result of first"):
        workspace.run(pipeline, only="second")
    workspace.run(pipeline)
    only = workspace.run(pipeline, only="second")
    rest = workspace.run(pipeline, start="second")

    assert statuses(only) == {"second": "Succeeded"}
    assert statuses(rest) == {"second": "Succeeded", "third": "Succeeded"}
    assert log_of(only, "second") == "kept\n"


def test_fails_before_anything_runs_for_an_unknown_step(workspace: Workspace) -> None:
    with pytest.raises(RunError) as caught:
        workspace.run(workspace.pipeline(processing("first")), only="frist")

    assert str(caught.value) == (
        "'frist' is not a step of test-pipeline\n    allowed: first\n    hint: did you mean 'first'?"
    )
    assert RunStore(workspace.places.runs).all() == []


def test_fails_for_a_configured_name_with_the_step_that_it_became(workspace: Workspace) -> None:
    steps = [processing("smaller"), processing("reg-small-RegisterModel")]
    with pytest.raises(RunError) as caught:
        workspace.run(workspace.pipeline(*steps), only="reg-small")

    assert str(caught.value).endswith("hint: did you mean 'reg-small-RegisterModel'?")


def test_fails_before_anything_runs_for_a_step_that_cannot_run_here(workspace: Workspace) -> None:
    steps: list[Json] = [
        processing("first"),
        {"Name": "notify", "Type": "Lambda", "Arguments": {}, "DependsOn": ["first"]},
    ]
    pipeline = workspace.pipeline(*steps)

    with pytest.raises(RunError, match="step notify of test-pipeline is of type Lambda"):
        workspace.run(pipeline)
    assert RunStore(workspace.places.runs).all() == []
    assert workspace.run(pipeline, only="first").record().status == "Succeeded"


def test_fails_a_step_whose_resolved_request_the_service_would_refuse(workspace: Workspace) -> None:
    step = processing("first", environment={"SIZE": {"Get": "Parameters.Size"}})
    pipeline = workspace.pipeline(
        step, parameters=[{"Name": "Size", "Type": "Integer", "DefaultValue": 5}]
    )

    run = workspace.run(pipeline)

    assert step_of(run, "first").reason == (
        "the service would refuse its request: Arguments.Environment.SIZE: expected a string, found 5"
    )


class BrokenAtFirst:
    """A real sandbox on a machine that fails its first starts."""

    runs_images = False
    leaks: tuple[str, ...] = ()

    def __init__(self, sandbox: Any, failures: int) -> None:
        self.name = sandbox.name
        self.left = failures
        self._sandbox = sandbox

    def start(self, job: Any) -> Any:
        if self.left:
            self.left -= 1
            raise OSError("cannot allocate memory")
        return self._sandbox.start(job)


@pytest.mark.parametrize(
    ("failures", "policies", "status", "attempts"),
    [
        (2, [{"ExceptionType": ["Step.SERVICE_FAULT"], "MaxAttempts": 2}], "Succeeded", 3),
        (2, [{"ExceptionType": ["Step.SERVICE_FAULT"], "MaxAttempts": 1}], "Failed", 2),
        (
            1,
            [{"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 5}],
            "Succeeded",
            2,
        ),
        (2, [{"ExceptionType": ["Step.SERVICE_FAULT"], "ExpireAfterMin": 1}], "Succeeded", 3),
        (1, [{"ExceptionType": ["Step.SERVICE_FAULT"], "ExpireAfterMin": 0}], "Failed", 1),
        (1, [{"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 5}], "Failed", 1),
        (1, [], "Failed", 1),
    ],
)
def test_a_fault_of_the_machine_is_tried_again_as_the_policies_say(
    workspace: Workspace, failures: int, policies: list[Json], status: str, attempts: int
) -> None:
    timed = [{**policy, "IntervalSeconds": 0, "BackoffRate": 1.0} for policy in policies]
    workspace.sandbox = BrokenAtFirst(workspace.sandbox, failures)

    run = workspace.run(workspace.pipeline(processing("first", RetryPolicies=timed)))

    record = step_of(run, "first")
    assert (record.status, record.attempts) == (status, attempts)
    assert workspace.heard.notes == [
        f"first: attempt {number} in 0 ms: cannot allocate memory"
        for number in range(2, attempts + 1)
    ]
    if status == "Failed":
        assert "cannot allocate memory" in str(record.reason)


def test_a_failing_script_is_not_tried_again_for_a_fault_of_the_machine(
    workspace: Workspace,
) -> None:
    policies = [{"ExceptionType": ["Step.SERVICE_FAULT"], "MaxAttempts": 3, "IntervalSeconds": 0}]
    run = workspace.run(workspace.pipeline(processing("first", FAILING, RetryPolicies=policies)))

    assert (step_of(run, "first").status, step_of(run, "first").attempts) == ("Failed", 1)


@st.composite
def _pipelines(draw: st.DrawFn) -> list[tuple[str, list[str]]]:
    """Steps in any order of the list, each waiting for some of those with a smaller number."""
    count = draw(st.integers(2, 7))
    steps = []
    for number in range(count):
        above = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        steps.append((f"s{number}", [f"s{index}" for index in sorted(above)]))
    return draw(st.permutations(steps))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=_pipelines(), jobs=st.integers(1, 4))
def test_any_pipeline_runs_each_step_once_and_after_all_it_waits_for(
    workspace: Workspace, steps: list[tuple[str, list[str]]], jobs: int
) -> None:
    pipeline = workspace.pipeline(*(processing(name, depends=above) for name, above in steps))
    workspace.heard.changes.clear()

    run = workspace.run(pipeline, jobs=jobs)

    assert set(statuses(run).values()) == {"Succeeded"}
    ended: set[str] = set()
    for change in workspace.heard.changes:
        if change.status == "Succeeded":
            assert change.name not in ended
            ended.add(change.name)
        else:
            assert set(pipeline.edges()[change.name]) <= ended
    assert ended == {name for name, _ in steps}
