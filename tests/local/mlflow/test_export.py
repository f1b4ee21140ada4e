"""Runs in MLflow: read back from a real file store with MLflow's own client."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline
from smp.errors import RunError
from smp.local.mlflow.export import export_run
from smp.local.mlflow.facts import mlflow_name
from smp.local.store.places import Places
from smp.local.store.run_store import EXECUTING, FAILED, SUCCEEDED
from tests.local.example_runs import (
    BEGAN,
    begin,
    end,
    failed_churn,
    pipeline,
    put,
    step,
    succeeded_churn,
    tuning_result,
    write_metrics,
    write_step,
    write_training,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

Read = Callable[[str], "list[MlflowRun]"]

CODE = CodeTree("a" * 64, (CodeFile("train.py", 10, "a" * 64),), "churn/scripts")
REPORT = {
    "PropertyFileName": "EvaluationReport",
    "OutputName": "model_evaluation_metrics",
    "FilePath": "model_evaluation_metrics.json",
}


def churn() -> CompiledPipeline:
    steps = [
        step("churn-training", "Training"),
        step("churn-create-model-CreateModel", "Model"),
        step("churn-transform", "Transform"),
        step("churn-metrics", "Processing", PropertyFiles=[REPORT]),
        step("churn-register-RegisterModel", "RegisterModel"),
    ]
    return replace(pipeline("churn-lightgbm", *steps), code=(CODE,))


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / ".smp")


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return (tmp_path / "mlruns").as_uri()


@pytest.fixture
def read(uri: str, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Return what the store has of a pipeline: the run of the whole first, then by name."""

    def _read(name: str) -> list[MlflowRun]:
        monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
        client = client_of(uri)
        experiment = client.get_experiment_by_name(name)
        assert experiment is not None
        found = client.search_runs([experiment.experiment_id])
        return sorted(found, key=lambda r: ("mlflow.parentRunId" in r.data.tags, r.info.run_name))

    return _read


def client_of(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def artifacts(uri: str, run: MlflowRun, path: str | None = None) -> set[str]:
    return {item.path for item in client_of(uri).list_artifacts(run.info.run_id, path)}


def test_a_run_is_logged_with_its_training_below_it(places: Places, uri: str, read: Read) -> None:
    run = succeeded_churn(places, churn()).run
    said = export_run(run, places, uri)
    whole, training = read("churn-lightgbm")
    assert said == f"MLflow: experiment churn-lightgbm, run {run.id} ({whole.info.run_id})"

    assert (whole.info.run_name, whole.info.status) == (run.id, "FINISHED")
    assert (whole.info.start_time, whole.info.end_time) == (BEGAN * 1000, BEGAN * 1000 + 53_300)
    assert whole.data.params == {"learning_rate": "0.05"}
    tags = {name: value for name, value in whole.data.tags.items() if name.startswith("smp.")}
    assert tags == {
        "smp.pipeline": "churn-lightgbm",
        "smp.run": run.id,
        "smp.status": "Succeeded",
        "smp.code.churn/scripts": CODE.sha256,
        "smp.reused_from.churn-transform": "20260228-101500-0a1b2c",
        "smp.registered.churn-lightgbm": "3",
    }
    assert whole.data.metrics["churn-metrics/auc"] == 0.845274
    assert whole.data.metrics["churn-metrics/confusion_matrix.1.0"] == 176
    assert artifacts(uri, whole) == {"report.html", "evaluation"}
    report = "evaluation/churn-metrics/model_evaluation_metrics.json"
    assert artifacts(uri, whole, "evaluation/churn-metrics") == {report}

    assert (training.info.run_name, training.info.status) == ("churn-training", "FINISHED")
    assert training.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert training.data.tags["smp.sandbox"] == "bubblewrap"
    assert training.data.params["num_boost_round"] == "400"
    history = client_of(uri).get_metric_history(training.info.run_id, "valid_auc")
    assert [point.step for point in history] == list(range(97))
    assert [point.timestamp for point in history[:2]] == [BEGAN * 1000, BEGAN * 1000 + 1000]
    assert artifacts(uri, training, "model") == {"model/model.tar.gz"}


def test_a_resumed_run_updates_the_same_mlflow_run(places: Places, uri: str, read: Read) -> None:
    compiled = churn()
    run = failed_churn(places, compiled).run
    export_run(run, places, uri)
    failed, training = read("churn-lightgbm")
    assert failed.info.status == "FAILED"
    assert "MonthlyCharges" in failed.data.tags["smp.failed.churn-transform"]

    run.write(replace(run.record(), status=EXECUTING, ended=None))
    write_step(run, "churn-transform", "Transform", SUCCEEDED, 50, 1)
    write_metrics(places, run)
    end(run, SUCCEEDED, 60)
    for _ in range(2):
        export_run(run, places, uri)
    whole, same_training = read("churn-lightgbm")
    assert whole.info.run_id == failed.info.run_id
    assert same_training.info.run_id == training.info.run_id
    assert (whole.info.status, whole.info.end_time) == ("FINISHED", BEGAN * 1000 + 60_000)
    assert "smp.failed.churn-transform" not in whole.data.tags
    assert "churn-metrics/auc" in whole.data.metrics
    for found, metric in ((whole, "churn-metrics/auc"), (training, "valid_auc")):
        history = client_of(uri).get_metric_history(found.info.run_id, metric)
        assert len(history) == (97 if found is training else 1)


def test_a_training_step_that_ran_again_replaces_what_was_logged(
    places: Places, uri: str, read: Read
) -> None:
    compiled = churn()
    run = begin(places, compiled)
    arguments = {"HyperParameters": {"depth": "3"}}
    write_step(run, "churn-training", "Training", FAILED, 0, 5, arguments=arguments, reason="oh")
    end(run, FAILED, 6)
    export_run(run, places, uri)
    write_training(places, compiled, run, 0.84)
    end(run, SUCCEEDED, 50)
    export_run(run, places, uri)
    _, training = read("churn-lightgbm")
    assert "depth" not in training.data.params
    assert (training.info.status, len(training.data.metrics)) == ("FINISHED", 2)


def test_a_tuning_step_has_its_trials_below_it(places: Places, uri: str, read: Read) -> None:
    compiled = pipeline("tuned", step("tune", "Tuning"), step("reuse", "Training"))
    run = begin(places, compiled)
    put(places, "s3://smp-local/tuned/tune-008/output/model.tar.gz", "model")
    definition = {
        "StaticHyperParameters": {"seed": "1"},
        "OutputDataConfig": {"S3OutputPath": "s3://smp-local/tuned"},
    }
    arguments = {"TrainingJobDefinition": definition}
    result = tuning_result()
    write_step(run, "tune", "Tuning", SUCCEEDED, 0, 9, arguments=arguments, result=result)
    write_step(run, "reuse", "Training", SUCCEEDED, 9, 1, reused_from="20260228-101500-0a1b2c")
    end(run, SUCCEEDED, 10)
    export_run(run, places, uri)
    _, reused, tune, *found = read("tuned")
    assert reused.data.tags["smp.reused_from"] == "20260228-101500-0a1b2c"
    assert tune.data.params == {"seed": "1"}
    assert {trial.data.tags["mlflow.parentRunId"] for trial in found} == {tune.info.run_id}
    assert [trial.info.run_name for trial in found] == [f"tune-{n:03}" for n in range(12)]
    assert found[7].info.status == "KILLED"
    assert found[8].data.params == {"learning_rate": "0.09", "depth": "3"}
    assert found[8].data.metrics == {"validation:rmse": 0.31}
    assert [trial for trial in found if "smp.best" in trial.data.tags] == [found[8]]
    assert artifacts(uri, found[8], "model") == {"model/model.tar.gz"}


@pytest.mark.parametrize(
    ("bad", "shown"),
    [
        ("http://me:secret@127.0.0.1:9", "http://me:***@127.0.0.1:9"),
        ("nonsense://x", "nonsense://x"),
    ],
)
def test_fails_with_what_to_do_where_mlflow_does_not_take_it(
    places: Places, monkeypatch: pytest.MonkeyPatch, bad: str, shown: str
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    run = succeeded_churn(places, churn()).run
    with pytest.raises(RunError) as caught:
        export_run(run, places, bad)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"run {run.id} was not logged to MLflow at {shown}: ")
    assert f"smp mlflow {run.id} --uri" in lines[-1]
    assert "secret" not in str(caught.value)


def test_fails_with_the_package_to_install_where_mlflow_is_missing(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(RunError, match=r"was not logged to MLflow: [^$]*\n    hint: pip install"):
        export_run(succeeded_churn(places, churn()).run, places, "file:x")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("validation:auc", "validation:auc"),
        ("f1@0.5 (macro)", "f1_0.5 _macro_"),
        ("../a//b/", "a/b"),
        ("", "_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_are_such_as_mlflow_takes(text: str, name: str) -> None:
    assert mlflow_name(text) == name


def settings() -> dict[str, Any]:
    return {name: value for name, value in os.environ.items() if name.startswith("MLFLOW_")}


def test_the_environment_is_as_it_was_before(places: Places, uri: str) -> None:
    before = settings()
    export_run(succeeded_churn(places, churn()).run, places, uri)
    assert settings() == before
