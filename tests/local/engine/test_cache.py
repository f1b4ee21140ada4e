"""When a step takes an earlier result, and why not if not; by running pipelines twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from smp.definition.compiled import Json
from smp.definition.step_types import seconds_of
from smp.local.store.run_store import Run
from tests.local.pipelines import (
    BUCKET,
    Workspace,
    cached,
    condition,
    greater,
    processing,
    step_of,
    training,
)

TRAIN = "print('auc=0.75'); open('/opt/ml/model/m', 'w').write('model')"


def train(workspace: Workspace, script: str = TRAIN, **options: Any) -> Json:
    uri = options.pop("uri", None) or workspace.put("data/a", "1")
    settings = {"hyperparameters": {"depth": "3"}, "metrics": {"auc": "auc=([0-9.]+)"}, **cached()}
    return workspace.training("train", script, channels={"data": uri}, **{**settings, **options})


def why(run: Run) -> str:
    """Return why the step did not take an earlier result, or that it did."""
    record = step_of(run, "train")
    return f"reused {record.reused_from}" if record.reused_from else str(record.why)


def test_the_second_run_reuses_the_first_one_s_result(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    first, second, third = (workspace.run(pipeline) for _ in range(3))

    assert why(first) == "it has not succeeded before"
    assert why(second) == why(third) == f"reused {first.id}"
    one, two = step_of(first, "train"), step_of(second, "train")
    assert two.result == one.result
    assert two.metrics == one.metrics
    assert [item["value"] for item in two.metrics] == [0.75]
    assert not second.log_path("train").exists()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"hyperparameters": {"depth": "4"}}, "changed since its latest success: HyperParameters"),
        ({"script": TRAIN + "\n"}, "changed since its latest success: InputDataConfig"),
        ({"uri": f"{BUCKET}/other"}, "changed since its latest success: InputDataConfig"),
        (
            {"metrics": {"auc": "AUC=(.+)"}},
            "changed since its latest success: AlgorithmSpecification",
        ),
        ({"request": {"Environment": {"A": "1"}}}, "changed since its latest success: Environment"),
        ({"CacheConfig": {"Enabled": False}}, "caching is not enabled"),
        ({"CacheConfig": {}}, "caching is not enabled"),
    ],
)
def test_a_step_runs_again_when_what_counts_has_changed(
    workspace: Workspace, changes: Json, expected: str
) -> None:
    workspace.put("other/a", "1")
    workspace.run(workspace.pipeline(train(workspace)))

    run = workspace.run(workspace.pipeline(train(workspace, **changes)))

    assert why(run) == expected
    assert run.record().status == "Succeeded"


@pytest.mark.parametrize(
    "request_",
    [
        {"StoppingCondition": {"MaxRuntimeInSeconds": 99}},
        {
            "ResourceConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.c5.xlarge",
                "VolumeSizeInGB": 9,
            }
        },
        {"OutputDataConfig": {"S3OutputPath": f"{BUCKET}/elsewhere"}},
        {"Tags": [{"Key": "team", "Value": "a"}]},
    ],
    ids=lambda value: next(iter(value)),
)
def test_what_does_not_count_may_change(workspace: Workspace, request_: Json) -> None:
    first = workspace.run(workspace.pipeline(train(workspace)))

    run = workspace.run(workspace.pipeline(train(workspace, request=request_)))

    assert why(run) == f"reused {first.id}"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w.put("data/a", "2"), "changed"),
        (lambda w: w.put("data/b", "1"), "changed: 1 object before, 2 objects now"),
        (
            lambda w: w.store.path_of(f"{BUCKET}/data/a").rename(
                w.store.path_of(f"{BUCKET}/data/c")
            ),
            "changed",
        ),
    ],
    ids=["changed", "added", "renamed"],
)
def test_changed_content_at_the_same_uri_runs_the_step_again(
    workspace: Workspace, change: Callable[[Workspace], object], expected: str
) -> None:
    workspace.put("data/a", "1")
    pipeline = workspace.pipeline(train(workspace, uri=f"{BUCKET}/data"))
    first = workspace.run(pipeline)
    change(workspace)

    second = workspace.run(pipeline)
    assert why(second) == (
        f"input data ({BUCKET}/data) {expected}; SageMaker would reuse the result of run {first.id}"
    )
    assert why(workspace.run(pipeline)) == f"reused {second.id}"


def listed(workspace: Workspace, in_code: bool) -> Json:
    """A source that lists two objects, in the bucket or among the code as the compiler writes it."""
    workspace.put("data/a", "1")
    workspace.put("data/b", "2")
    text = json.dumps([{"prefix": f"{BUCKET}/data/"}, "a", "b"])
    uri = (
        workspace.script(text, name="list.json", template=True) + "list.json"
        if in_code
        else workspace.put("list.json", text)
    )
    return {"S3Uri": uri, "S3DataType": "ManifestFile"}


@pytest.mark.parametrize("in_code", [True, False])
def test_what_a_manifest_lists_counts(workspace: Workspace, in_code: bool) -> None:
    pipeline = workspace.pipeline(train(workspace, uri=listed(workspace, in_code)))
    first = workspace.run(pipeline)
    assert why(workspace.run(pipeline)) == f"reused {first.id}"
    workspace.put("data/b", "3")

    assert why(workspace.run(pipeline)) == (
        f"input data ({BUCKET}/data/) changed; SageMaker would reuse the result of run {first.id}"
    )


def test_a_sibling_of_a_directory_does_not_count(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace, uri=f"{BUCKET}/data/"))
    workspace.put("data/a", "1")
    workspace.put("data-more/b", "2")
    first = workspace.run(pipeline)
    workspace.put("data-more/b", "3")

    assert why(workspace.run(pipeline)) == f"reused {first.id}"


def test_content_that_comes_back_is_recognised(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    first = workspace.run(pipeline)
    workspace.put("data/a", "2")
    workspace.run(pipeline)
    workspace.put("data/a", "1")

    assert why(workspace.run(pipeline)) == f"reused {first.id}"


def test_the_rule_of_sagemaker_reuses_in_spite_of_changed_content(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    first = workspace.run(pipeline)
    workspace.put("data/a", "2")

    second = workspace.run(pipeline, cache="sagemaker")
    assert why(second) == f"reused {first.id}"
    note = f"input data ({BUCKET}/data/a) changed; --cache sagemaker ignores that"
    assert step_of(second, "train").why == note


def test_other_packages_run_the_step_again(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = workspace.pipeline(train(workspace))
    first = workspace.run(pipeline)
    monkeypatch.setattr("smp.local.engine.step_runner.python_identity", lambda _: "another")

    assert why(workspace.run(pipeline)) == (
        f"the Python environment changed; SageMaker would reuse the result of run {first.id}"
    )


def test_inputs_that_change_while_the_job_runs_are_not_what_it_read(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = workspace.put("data/a", "1")
    file = workspace.store.path_of(uri)
    step = train(workspace, uri=uri)
    pipeline = workspace.pipeline(step)
    with monkeypatch.context() as patched:
        patched.setattr(workspace.heard, "log_line", lambda *_: file.write_text("2"))
        run = workspace.run(pipeline)
    file.write_text("1")

    assert run.record().status == "Succeeded"
    assert why(workspace.run(pipeline)) == "it has not succeeded before"


def test_a_result_that_was_changed_is_not_reused(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    first = workspace.run(pipeline)
    model = step_of(first, "train").result["ModelArtifacts"]["S3ModelArtifacts"]
    path = workspace.store.path_of(model)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    assert why(workspace.run(pipeline)) == f"of the result of run {first.id}, {model} changed"


def test_fresh_runs_every_step(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    workspace.run(pipeline)

    fresh = workspace.run(pipeline, fresh=True)

    assert why(fresh) == "--fresh was given"
    assert why(workspace.run(pipeline)) == f"reused {fresh.id}"


def test_another_pipeline_has_its_own_results(workspace: Workspace) -> None:
    step = train(workspace)
    workspace.run(workspace.pipeline(step))

    assert (
        why(workspace.run(workspace.pipeline(step, name="other"))) == "it has not succeeded before"
    )


def test_a_result_expires(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline = workspace.pipeline(train(workspace, **cached("PT1H")))
    first = workspace.run(pipeline)
    assert why(workspace.run(pipeline)) == f"reused {first.id}"
    now = time.time()
    monkeypatch.setattr("smp.local.engine.cache.time.time", lambda: now + 3700)

    assert why(workspace.run(pipeline)) == f"the result of run {first.id} is older than PT1H"


def test_a_step_that_failed_is_not_reused(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace, "raise SystemExit(1)"))
    workspace.run(pipeline)

    assert why(workspace.run(pipeline)) == "it has not succeeded before"


def test_a_damaged_result_is_as_none(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    workspace.run(pipeline)
    for file in workspace.places.cache.rglob("*.json"):
        file.write_text("{")

    assert why(workspace.run(pipeline)) == "it has not succeeded before"


def test_a_step_whose_name_begins_like_another_s_is_not_taken_for_it(workspace: Workspace) -> None:
    first = processing("train", ("/bin/sh", "-c", "true"), **cached())
    longer = processing("train-more", ("/bin/sh", "-c", "true"), **cached())
    workspace.run(workspace.pipeline(longer))

    assert why(workspace.run(workspace.pipeline(first))) == "it has not succeeded before"


def test_a_parameter_that_reaches_a_step_counts(workspace: Workspace) -> None:
    step = processing("train", environment={"A": {"Get": "Parameters.A"}}, **cached())
    pipeline = workspace.pipeline(
        step, parameters=[{"Name": "A", "Type": "String", "DefaultValue": "x"}]
    )
    first = workspace.run(pipeline)

    assert why(workspace.run(pipeline)) == f"reused {first.id}"
    assert why(workspace.run(pipeline, {"A": "y"})) == (
        "changed since its latest success: Environment"
    )


def test_a_reused_step_s_report_still_decides_a_condition(workspace: Workspace) -> None:
    evaluate = workspace.processing(
        "train",
        "open('/opt/ml/processing/output/r/e.json', 'w').write('{\"auc\": 0.9}')",
        outputs={"r": f"{BUCKET}/report"},
        PropertyFiles=[{"PropertyFileName": "R", "OutputName": "r", "FilePath": "e.json"}],
        **cached(),
    )
    auc = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.train.PropertyFiles.R"}, "Path": "auc"}}
    pipeline = workspace.pipeline(
        evaluate, condition("good", [greater(auc, 0.5)], yes=[processing("go")])
    )
    first = workspace.run(pipeline)
    second = workspace.run(pipeline)

    assert why(second) == f"reused {first.id}"
    assert step_of(second, "go").status == "Succeeded"
    assert json.loads(workspace.read("report/e.json")) == {"auc": 0.9}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30d", 30 * 86400),
        ("P30D", 30 * 86400),
        ("PT1H", 3600),
        ("T16m", 960),
        ("P1DT2H", 86400 + 7200),
        ("p2w", 14 * 86400),
        ("1m", 30 * 86400),
        ("PT30S", 30),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_training_needs_no_cache_to_be_trained(workspace: Workspace) -> None:
    step = training("train", ["/bin/sh", "-c", "true"])

    assert why(workspace.run(workspace.pipeline(step))) == "caching is not enabled"


def test_a_result_whose_objects_are_gone_is_not_reused(workspace: Workspace) -> None:
    pipeline = workspace.pipeline(train(workspace))
    first = workspace.run(pipeline)
    uri = step_of(first, "train").result["ModelArtifacts"]["S3ModelArtifacts"]
    workspace.store.path_of(uri).unlink()

    second, third = workspace.run(pipeline), workspace.run(pipeline)

    assert why(second) == f"of the result of run {first.id}, {uri} is gone"
    assert why(third) == f"reused {second.id}"


def test_a_result_that_lost_some_of_its_objects_is_not_reused(workspace: Workspace) -> None:
    script = """
    for name in "abc":
        open("/opt/ml/processing/output/o/" + name, "w").write(name)
    """
    outputs = {"o": f"{BUCKET}/made", "empty": f"{BUCKET}/nothing"}
    step = workspace.processing("train", script, outputs=outputs, **cached())
    first, second = (workspace.run(workspace.pipeline(step)) for _ in range(2))
    workspace.store.path_of(f"{BUCKET}/made/b").unlink()
    third = workspace.run(workspace.pipeline(step))

    assert why(second) == f"reused {first.id}"
    assert why(third) == (
        f"of the result of run {first.id}, 1 of 3 objects under {BUCKET}/made are gone"
    )
    assert workspace.read("made/b") == "b"
