"""The cache forecast of a review against what a run then really takes from the cache."""

from __future__ import annotations

import pytest

from smp.definition.compiled import CompiledPipeline, Json
from smp.review.diff.changes import Outcome, Prediction
from smp.review.diff.forecast import forecast
from tests.local.pipelines import (
    BUCKET,
    Workspace,
    cached,
    condition,
    greater,
    step_of,
)

PREPARE = "open('/opt/ml/processing/output/table/t.csv', 'w').write('1')"
TRAIN = "open('/opt/ml/model/m', 'w').write('model')"
EVALUATE = "open('/opt/ml/processing/output/report/e.json', 'w').write('{\"auc\": 0.9}')"
BY_EXECUTION = {
    "Std:Join": {"On": "/", "Values": [f"{BUCKET}/table", {"Get": "Execution.PipelineExecutionId"}]}
}
TABLE = {"Get": "Steps.prepare.ProcessingOutputConfig.Outputs['table'].S3Output.S3Uri"}
MODEL = {"Get": "Steps.train.ModelArtifacts.S3ModelArtifacts"}


def pipeline(
    workspace: Workspace,
    *,
    address: object = BY_EXECUTION,
    prepare: str = PREPARE,
    depth: object = "3",
    cache: Json | None = None,
    parameter: str = "a",
    more: bool = False,
    instance: str = "ml.m5.large",
) -> CompiledPipeline:
    """Four steps in a row, of which each reads the one before."""
    kept = cached() if cache is None else cache
    report = {"PropertyFileName": "R", "OutputName": "report", "FilePath": "e.json"}
    auc = {
        "Std:JsonGet": {"PropertyFile": {"Get": "Steps.evaluate.PropertyFiles.R"}, "Path": "auc"}
    }
    first = workspace.processing(
        "prepare",
        prepare,
        outputs={"table": address},
        environment={"MODE": {"Get": "Parameters.Mode"}},
        **kept,
    )
    second = workspace.training(
        "train", TRAIN, channels={"table": TABLE}, hyperparameters={"depth": depth}, **cached()
    )
    second["Arguments"]["ResourceConfig"]["InstanceType"] = instance
    third = workspace.processing(
        "evaluate",
        EVALUATE,
        inputs={"model": MODEL},
        outputs={"report": f"{BUCKET}/report"},
        PropertyFiles=[report],
        **cached(),
    )
    extra = [workspace.processing("extra", "pass", **cached())] if more else []
    steps = [first, second, third, *extra, condition("good", [greater(auc, 0.5)])]
    mode = {"Name": "Mode", "Type": "String", "DefaultValue": parameter}
    return workspace.pipeline(*steps, parameters=[mode])


HEADS: dict[str, Json] = {
    "nothing": {},
    "a setting of the second": {"depth": "4"},
    "the code of the first": {"prepare": PREPARE + "\n"},
    "caching off at the first": {"cache": {"CacheConfig": {"Enabled": False}}},
    "a parameter's default": {"parameter": "b"},
    "a new step": {"more": True},
    "a setting that does not count": {"instance": "ml.m5.xlarge"},
    "another address": {"address": f"{BUCKET}/elsewhere"},
}
EXPECTED: dict[str, set[str]] = {
    "nothing": set(),
    "a setting of the second": {"train", "evaluate"},
    "the code of the first": {"prepare", "train", "evaluate"},
    "caching off at the first": {"prepare", "train", "evaluate"},
    "a parameter's default": {"prepare", "train", "evaluate"},
    "a new step": {"extra"},
    "a setting that does not count": set(),
    "another address": set(),
}


@pytest.mark.parametrize("name", HEADS)
def test_the_forecast_comes_true(name: str, workspace: Workspace) -> None:
    before, after = pipeline(workspace), pipeline(workspace, **HEADS[name])
    workspace.run(before)
    foreseen = {item.step: item for item in forecast(before, after)}

    run = workspace.run(after)

    jobs = [step for step in foreseen.values() if step.type != "Condition"]
    ran = {step.step for step in jobs if not step_of(run, step.step).reused_from}
    assert ran == {step.step for step in jobs if step.outcome is Outcome.RUNS}
    assert ran == EXPECTED[name]


def test_code_that_writes_to_the_same_address_is_not_noticed_after_it(workspace: Workspace) -> None:
    fixed = f"{BUCKET}/table"
    before = pipeline(workspace, address=fixed)
    after = pipeline(workspace, address=fixed, prepare=PREPARE + "\n")
    workspace.run(before)
    foreseen = {item.step: item for item in forecast(before, after)}

    run = workspace.run(after)

    assert foreseen["prepare"].outcome is Outcome.RUNS
    assert foreseen["train"].outcome is Outcome.HITS
    assert "does not notice" in " ".join(foreseen["train"].reasons)
    assert step_of(run, "train").reused_from


def test_what_runs_in_any_case_is_told_apart_from_what_a_change_makes_run(
    workspace: Workspace,
) -> None:
    off = {"CacheConfig": {"Enabled": False}}
    before, after = pipeline(workspace, cache=off), pipeline(workspace, cache=off, depth="4")
    found = {item.step: item for item in forecast(before, after)}
    assert {name for name, item in found.items() if item.anyway} == set(found)
    assert found["prepare"].reasons == ("caching is not enabled",)
    assert found["train"].reasons == ("reads prepare, which runs",)


def test_a_step_that_reads_a_report_may_run(workspace: Workspace) -> None:
    report = {"PropertyFile": {"Get": "Steps.evaluate.PropertyFiles.R"}, "Path": "auc"}

    def with_reader(depth: str) -> CompiledPipeline:
        reader = workspace.processing(
            "reader", "pass", environment={"AUC": {"Std:JsonGet": report}}, **cached()
        )
        compiled = pipeline(workspace, depth=depth)
        compiled.definition["Steps"].append(reader)
        return compiled

    found = {item.step: item for item in forecast(with_reader("3"), with_reader("4"))}
    assert found["reader"] == Prediction(
        "reader",
        "Processing",
        Outcome.MAY_RUN,
        ("the report of evaluate, which runs, may contain other values",),
    )


def test_a_new_pipeline_runs_every_step(workspace: Workspace) -> None:
    found = forecast(None, pipeline(workspace))
    assert {item.outcome for item in found} == {Outcome.RUNS}
    assert {item.reasons for item in found} == {("the pipeline is new",)}
    assert forecast(pipeline(workspace), None) == ()
