"""Loops really run: each iteration a step of its own, so many at once, and what comes of them."""

from __future__ import annotations

import io
import json
import signal
from collections.abc import Sequence
from typing import Any

import pytest

from smp.definition.compiled import Json
from smp.errors import RunError
from smp.local.report import render_report
from smp.local.show.compare import comparison
from smp.local.show.progress import LiveProgress
from smp.local.show.text import show_run
from smp.local.store.run_store import Run, StepRecord
from tests.local.pipelines import (
    BUCKET,
    Workspace,
    condition,
    greater,
    log_of,
    processing,
    statuses,
    step_of,
)
from tests.local.test_resume import only_run, start

ITEM = {"Get": "ForEach.CurrentItem"}
SLEEP = ("/bin/sh", "-c", "sleep 0.4")
SCORE = """
    import json
    from pathlib import Path
    score = json.loads(Path("/opt/ml/input/config/hyperparameters.json").read_text())["score"]
    print(f"auc={score}")
    Path("/opt/ml/model/name.txt").write_text(score)
"""


def loop(
    name: str,
    items: Any,
    body: Sequence[Json],
    *,
    at_once: int = 50,
    selector: Json | None = None,
    depends: Sequence[str] = (),
) -> Json:
    arguments: Json = {"IterableItems": items, "MaxConcurrency": at_once, "ForEachBody": list(body)}
    if selector is not None:
        arguments["Selector"] = selector
    step: Json = {"Name": name, "Type": "ForEach", "Arguments": arguments}
    return {**step, "DependsOn": list(depends)} if depends else step


def scored(workspace: Workspace, **options: Any) -> Json:
    return workspace.training(
        "fit",
        SCORE,
        hyperparameters={"score": {"Std:Join": {"On": "", "Values": [ITEM]}}},
        metrics={"auc": r"auc=(\S+)"},
        **options,
    )


def best(pick: str) -> Json:
    return {"Pick": pick, "Field": {"Get": "IterationOutput.fit.FinalMetricDataList['auc'].Value"}}


def test_each_item_runs_the_steps_of_the_loop(workspace: Workspace) -> None:
    body = workspace.processing(
        "say",
        "import os; print(os.environ['ITEM'], os.environ['ALL'])",
        environment={"ITEM": {"Get": "ForEach.CurrentItem.name"}, "ALL": ITEM},
    )
    items = ['{"name": "a", "n": 1}', '{"name": "b", "n": 2}']
    run = workspace.run(workspace.pipeline(loop("each", items, [body]), processing("other")))
    assert statuses(run) == {
        "each": "Succeeded",
        "say-0": "Succeeded",
        "say-1": "Succeeded",
        "other": "Succeeded",
    }
    assert log_of(run, "say-0") == 'a {"name": "a", "n": 1}\n'
    assert log_of(run, "say-1") == 'b {"name": "b", "n": 2}\n'
    result = step_of(run, "each").result
    counts = {key: result[key] for key in result if key.endswith(("Count", "Status"))}
    assert counts == {
        "Status": "Succeeded",
        "InputItemCount": 2,
        "TotalStepCount": 2,
        "SucceededStepCount": 2,
        "FailedStepCount": 0,
        "StoppedStepCount": 0,
    }


def test_steps_of_an_iteration_read_each_other_and_their_outputs_lie_apart(
    workspace: Workspace,
) -> None:
    place = {
        "Std:Join": {"On": "/", "Values": [f"{BUCKET}/out", {"Get": "Execution.ProcessingJobName"}]}
    }
    write = workspace.processing(
        "write",
        "import os; open('/opt/ml/processing/output/o/a.txt', 'w').write(os.environ['ITEM'])",
        environment={"ITEM": ITEM},
        outputs={"o": place},
    )
    read = workspace.processing(
        "read",
        "print('read', open('/opt/ml/processing/input/o/a.txt').read())",
        inputs={"o": {"Get": "Steps.write.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}},
    )
    last = workspace.processing("last", "print('done')", depends=["each"])
    run = workspace.run(workspace.pipeline(loop("each", ["x", "y"], [write, read]), last))
    assert log_of(run, "read-0") == "read x\n"
    assert log_of(run, "read-1") == "read y\n"
    assert workspace.keys("out/") == ["write-0/a.txt", "write-1/a.txt"]
    assert step_of(run, "last").started >= step_of(run, "each").ended  # type: ignore[operator]


def _at_once(run: Run, names: Sequence[str]) -> int:
    """Return how many of the steps ran at one moment at most."""
    records = [step_of(run, name) for name in names]
    return max(sum(_covers(other, record.started) for other in records) for record in records)


def _covers(record: StepRecord, moment: float | None) -> bool:
    assert record.started is not None
    assert record.ended is not None
    assert moment is not None
    return record.started <= moment < record.ended


@pytest.mark.parametrize(("at_once", "jobs", "expected"), [(1, 4, 1), (2, 4, 2), (4, 2, 2)])
def test_iterations_run_together_so_many_at_once(
    workspace: Workspace, at_once: int, jobs: int, expected: int
) -> None:
    compiled = workspace.pipeline(
        loop("each", [1, 2, 3, 4], [processing("nap", SLEEP)], at_once=at_once)
    )
    run = workspace.run(compiled, jobs=jobs)
    assert _at_once(run, [f"nap-{index}" for index in range(4)]) == expected


def test_items_come_from_a_parameter_or_a_step(workspace: Workspace) -> None:
    parameter = {"Name": "names", "Type": "String", "DefaultValue": '["a"]'}
    body = workspace.processing("say", "import os; print(os.environ['I'])", environment={"I": ITEM})
    compiled = workspace.pipeline(
        loop("each", {"Get": "Parameters.names"}, [body]), parameters=[parameter]
    )
    assert set(statuses(workspace.run(compiled))) == {"each", "say-0"}
    run = workspace.run(compiled, {"names": '["a", "b", "c"]'})
    assert set(statuses(run)) == {"each", "say-0", "say-1", "say-2"}


NO_ITEMS = [
    ("a, b", "items: is not a list as JSON"),
    ('{"a": 1}', "items: is not a list as JSON"),
    ("[NaN]", "items: is not a list as JSON"),
    ("[]", "items: has 0 items"),
    (json.dumps([0] * 101), "items: has 101 items"),
    ('["a", 2.5, true, null]', "items[3]: is not an item"),
    ("[[1]]", "items[0]: is not an item"),
    ('[{"a": 1}, 2]', "items[1]: is not a mapping, as the items before it are"),
    ('[{"a": 1}, {"b": 1}]', "items[1]: has other keys than the items before it"),
    ('[{"a": null}]', "items[0].a: is not a text, number or flag"),
]


@pytest.mark.parametrize(("items", "reason"), NO_ITEMS)
def test_fails_for_items_that_are_no_list(workspace: Workspace, items: str, reason: str) -> None:
    parameter = {"Name": "names", "Type": "String", "DefaultValue": items}
    compiled = workspace.pipeline(
        loop("each", {"Get": "Parameters.names"}, [processing("one")]),
        processing("after", depends=["each"]),
        parameters=[parameter],
    )
    run = workspace.run(compiled)
    assert statuses(run) == {"each": "Failed", "after": "Skipped"}
    assert str(step_of(run, "each").reason).startswith(f"{reason}\n    found: ")


@pytest.mark.parametrize(("items", "reason"), NO_ITEMS)
def test_fails_for_given_items_that_are_no_list(
    workspace: Workspace, items: str, reason: str
) -> None:
    inside = loop("each", {"Get": "Parameters.items"}, [processing("one")])
    compiled = workspace.pipeline(
        condition("gate", [greater(1, 0)], yes=[inside]),
        parameters=[{"Name": "items", "Type": "String"}],
    )
    with pytest.raises(RunError) as caught:
        workspace.run(compiled, {"items": items})
    assert str(caught.value).startswith(f"{reason}\n    found: ")


def test_fails_for_a_field_that_an_item_lacks(workspace: Workspace) -> None:
    body = processing("one", environment={"A": {"Get": "ForEach.CurrentItem.name"}})
    run = workspace.run(workspace.pipeline(loop("each", ['{"name": "a"}', '{"n": 1}'], [body])))
    assert "item 1 has no 'name' (of name); it has: n" in str(step_of(run, "each").reason)


def test_fails_for_a_field_of_an_item_that_has_none(workspace: Workspace) -> None:
    body = processing("one", environment={"A": {"Get": "ForEach.CurrentItem.name"}})
    run = workspace.run(workspace.pipeline(loop("each", ["north"], [body])))
    assert str(step_of(run, "each").reason) == "item 0, 'north', has no fields"


def test_a_failed_iteration_fails_the_loop_and_no_other(workspace: Workspace) -> None:
    body = [
        workspace.processing(
            "check",
            "import os, sys; sys.exit(os.environ['I'] == '2')",
            environment={"I": {"Std:Join": {"On": "", "Values": [ITEM]}}},
        ),
        processing("then", depends=["check"]),
    ]
    compiled = workspace.pipeline(
        loop("each", [1, 2, 3], body),
        processing("after", depends=["each"]),
        processing("mend", depends=[{"Step": "each", "Trigger": "Failed"}]),
    )
    run = workspace.run(compiled)
    assert statuses(run) == {
        "each": "Failed",
        "check-0": "Succeeded",
        "then-0": "Succeeded",
        "check-1": "Failed",
        "then-1": "Skipped",
        "check-2": "Succeeded",
        "then-2": "Succeeded",
        "after": "Skipped",
        "mend": "Succeeded",
    }
    each = step_of(run, "each")
    assert each.reason == (
        "1 step of 3 iterations failed; check-1: AlgorithmError: the script ended with exit code 1"
    )
    assert each.result["FailedStepCount"] == 1
    assert run.record().status == "Failed"


@pytest.mark.parametrize(("pick", "chosen"), [("MaxBy", "0.9"), ("MinBy", "0.3")])
def test_the_best_iteration_is_what_later_steps_read(
    workspace: Workspace, pick: str, chosen: str
) -> None:
    selected = {"Get": "Steps.each.Selected.FinalMetricDataList['auc'].Value"}
    artifact = {"Get": "Steps.each.Selected.ModelArtifacts.S3ModelArtifacts"}
    use = workspace.processing(
        "use",
        "import tarfile; print(tarfile.open('/opt/ml/processing/input/m/model.tar.gz')"
        ".extractfile('name.txt').read().decode())",
        inputs={"m": artifact},
    )
    gate = condition("gate", [greater(selected, 0.5)], yes=[use], no=[{**use, "Name": "low"}])
    each = loop("each", [0.3, 0.9, 0.5], [scored(workspace)], selector=best(pick))
    run = workspace.run(workspace.pipeline(each, gate))
    ran = "use" if pick == "MaxBy" else "low"
    assert log_of(run, ran).strip() == chosen
    index = 1 if pick == "MaxBy" else 0
    assert step_of(run, "each").result["Selector"] == {"StepName": "fit", "Index": index}


def test_fails_where_an_iteration_has_no_number_to_choose_by(workspace: Workspace) -> None:
    each = loop("each", ["0.3", "nan"], [scored(workspace)], selector=best("MinBy"))
    run = workspace.run(workspace.pipeline(each))
    reason = step_of(run, "each").reason
    assert reason == (
        "no iteration can be selected: step 'fit-1' has nan as FinalMetricDataList['auc'].Value"
    )


def test_show_logs_and_report_have_each_iteration(workspace: Workspace) -> None:
    each = loop("each", [0.3, 0.9], [scored(workspace)], selector=best("MaxBy"))
    run = workspace.run(workspace.pipeline(each))
    shown = show_run(run, workspace.places)
    assert "2 iterations, fit-1 was selected" in shown
    assert "fit-0" in shown
    assert "item 0.9" in shown
    assert run.require_log("fit-1").read_text() == "auc=0.9\n"
    with pytest.raises(RunError, match="its iterations have: fit-0, fit-1"):
        run.require_log("each")
    page = render_report(run, run.unrolled(workspace.places.code), workspace.places)
    assert "fit-0" in page
    assert "fit-1 was selected" in page
    assert ">Item<" in page
    assert ">Training<" in page, "of which type each is"


def test_iterations_of_two_runs_are_compared(workspace: Workspace) -> None:
    compiled = workspace.pipeline(
        loop("each", {"Get": "Parameters.n"}, [scored(workspace)]),
        parameters=[{"Name": "n", "Type": "String"}],
    )
    before = workspace.run(compiled, {"n": "[0.1]"})
    after = workspace.run(compiled, {"n": "[0.2, 0.3]"})
    found = {
        item["step"]: (item["before"], item["after"])
        for item in comparison(before, after, workspace.places)["metrics"]
    }
    assert found == {"fit-0": (0.1, 0.2), "fit-1": (None, 0.3)}


def test_each_iteration_is_cached_by_itself(workspace: Workspace) -> None:
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "1d"}}
    compiled = workspace.pipeline(
        loop("each", {"Get": "Parameters.n"}, [scored(workspace, **cached)]),
        parameters=[{"Name": "n", "Type": "String"}],
    )
    first = workspace.run(compiled, {"n": "[0.1, 0.2]"})
    again = workspace.run(compiled, {"n": "[0.1, 0.7]"})
    assert step_of(again, "fit-0").reused_from == first.id
    assert step_of(again, "fit-1").reused_from is None


def test_a_resumed_run_keeps_the_iterations_that_succeeded(workspace: Workspace) -> None:
    body = workspace.processing(
        "check",
        "import os, sys; sys.exit(os.environ['I'] == '2' and not os.path.exists("
        "'/opt/ml/processing/input/flag/ok'))",
        environment={"I": {"Std:Join": {"On": "", "Values": [ITEM]}}},
        inputs={"flag": f"{BUCKET}/flag"},
    )
    workspace.put("flag/not-yet", "")
    run = workspace.run(
        workspace.pipeline(loop("each", [1, 2], [body]), processing("after", depends=["each"]))
    )
    assert statuses(run)["check-1"] == "Failed"
    kept = step_of(run, "check-0")
    workspace.put("flag/ok", "")
    workspace.resume(run)
    assert set(statuses(run).values()) == {"Succeeded"}
    assert run.record().steps == ("each", "check-0", "check-1", "after")
    assert step_of(run, "check-0").started == kept.started


def test_a_loop_on_the_side_that_is_not_taken_is_skipped(workspace: Workspace) -> None:
    inside = loop("each", [1], [processing("one")])
    run = workspace.run(workspace.pipeline(condition("gate", [greater(1, 2)], yes=[inside])))
    assert statuses(run) == {"gate": "Succeeded", "each": "Skipped"}


def test_a_loop_waits_for_what_its_steps_read(workspace: Workspace) -> None:
    first = workspace.processing(
        "first",
        "open('/opt/ml/processing/output/o/a', 'w').write('1')",
        outputs={"o": f"{BUCKET}/first"},
    )
    read = processing(
        "read",
        inputs={"o": {"Get": "Steps.first.ProcessingOutputConfig.Outputs['o'].S3Output.S3Uri"}},
    )
    run = workspace.run(workspace.pipeline(loop("each", [1], [read]), first))
    assert set(statuses(run).values()) == {"Succeeded"}
    assert step_of(run, "each").started >= step_of(run, "first").ended  # type: ignore[operator]


def test_fails_for_a_step_of_a_loop_as_the_beginning_of_a_run(workspace: Workspace) -> None:
    compiled = workspace.pipeline(loop("each", [1], [processing("one")]))
    for option in ({"only": "one"}, {"start": "one"}):
        with pytest.raises(
            RunError, match="'one' of test-pipeline runs once for each item of 'each'"
        ):
            workspace.run(compiled, None, **option)


def test_fails_before_a_run_for_what_does_not_run_here_in_a_loop(workspace: Workspace) -> None:
    inside = {"Name": "far", "Type": "EMRServerless", "Arguments": {}}
    with pytest.raises(RunError, match="step far of test-pipeline is of type EMRServerless"):
        workspace.run(workspace.pipeline(loop("each", [1], [inside])))


def test_the_record_of_a_loop_has_its_items(workspace: Workspace) -> None:
    run = workspace.run(workspace.pipeline(loop("each", ["a", "b"], [processing("one")])))
    arguments = step_of(run, "each").arguments
    assert json.loads(json.dumps(arguments)) == {"IterableItems": ["a", "b"], "MaxConcurrency": 50}


@pytest.mark.slow
def test_a_stopped_loop_goes_on_where_it_was(workspace: Workspace) -> None:
    nap = workspace.processing("nap", "import time; time.sleep(0.8)")
    compiled = workspace.pipeline(loop("each", [1, 2, 3], [nap], at_once=1))
    with start(workspace, compiled) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "nap-1 Executing":
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    run = only_run(workspace)
    assert statuses(run) == {
        "each": "Stopped",
        "nap-0": "Succeeded",
        "nap-1": "Stopped",
    }
    assert step_of(run, "each").result["StoppedStepCount"] == 2
    workspace.resume(run)
    assert set(statuses(run).values()) == {"Succeeded"}
    assert step_of(run, "each").result["SucceededStepCount"] == 3


def test_the_live_view_shows_iterations_behind_their_loop(workspace: Workspace) -> None:
    stream = io.StringIO()
    view = LiveProgress(stream, workspace.places, "test-pipeline", (), colour=False)
    watched = Workspace(workspace.root, workspace.sandbox, heard=view)  # type: ignore[arg-type]
    inside = loop("each", [1, 2], [processing("one")])
    watched.run(watched.pipeline(inside, processing("after", depends=["each"])))
    frame = stream.getvalue().rpartition("\x1b[?2026h")[2].partition("\x1b[?2026l")[0]
    names = [line.split()[1] for line in frame.splitlines() if line.startswith(" ")]
    assert names == ["each", "one-0", "one-1", "after"]
