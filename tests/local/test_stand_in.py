"""Local stand-ins of algorithms that only an image has: what runs, what is recorded, what is refused."""

from __future__ import annotations

import hashlib
import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline, StandIn
from smp.errors import RunError
from smp.local.engine.cache import Found, StepCache
from smp.local.engine.content import Content
from smp.local.engine.plan import plan_run
from smp.local.engine.preflight import refuse_images
from smp.local.report import render_report
from smp.local.show.results import final_metrics
from smp.local.store.file_hashes import FileHashes
from smp.local.store.run_store import Run
from tests.local.jobs.test_tuning import tuning
from tests.local.jobs.workspace import transform_request
from tests.local.pipelines import ROLE, Workspace, cached, log_of, statuses, step_of, training

SCRIPT = "local/algorithm.py"
WRITES = "open('/opt/ml/model/model', 'w').write('made here'); print('auc=0.5')"


def stand_in(workspace: Workspace, text: str) -> StandIn:
    """Keep a stand-in in the code store."""
    data = text.encode()
    sha256 = hashlib.sha256(data).hexdigest()
    path = workspace.places.code / sha256 / SCRIPT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return StandIn(SCRIPT, CodeTree(sha256, (CodeFile(SCRIPT, len(data), sha256),), "scripts"))


def pipeline(workspace: Workspace, text: str | None = WRITES, **options: Any) -> CompiledPipeline:
    """A Training step of an image's own algorithm, with a stand-in of this text."""
    settings = {"hyperparameters": {"k": "3", "name": "x y"}, "metrics": {"auc": "auc=(.+)"}}
    channels = {"train": workspace.put("data/a", "1")}
    step = training("fit", [], channels=channels, **{**settings, **cached(), **options})
    del step["Arguments"]["AlgorithmSpecification"]["ContainerEntrypoint"]
    compiled = replace(workspace.pipeline(step), step_models={"fit": "ratings"})
    return replace(compiled, stand_ins={"fit": stand_in(workspace, text)} if text else {})


def reason(run: Run) -> str:
    record = step_of(run, "fit")
    return f"reused {record.reused_from}" if record.reused_from else str(record.why)


def test_the_script_runs_as_a_framework_s_image_would_run_it(workspace: Workspace) -> None:
    script = """
import json, os, sys
print(json.dumps([sys.argv[1:], os.environ["SM_CHANNEL_TRAIN"], os.environ["SM_HP_K"], os.getcwd()]))
print(open(os.environ["SM_CHANNEL_TRAIN"] + "/a").read())
"""
    run = workspace.run(pipeline(workspace, script))
    assert statuses(run) == {"fit": "Succeeded"}, step_of(run, "fit").reason
    first, second = log_of(run, "fit").splitlines()
    arguments = ["--k", "3", "--name", "x y"]
    assert json.loads(first) == [arguments, "/opt/ml/input/data/train", "3", "/opt/ml/code"]
    assert second == "1"


def test_the_record_says_that_a_stand_in_ran(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace))
    record = step_of(run, "fit")
    assert record.stand_in == SCRIPT
    assert [metric["value"] for metric in record.metrics] == [0.5]
    uri = record.result["ModelArtifacts"]["S3ModelArtifacts"]
    assert workspace.store.path_of(uri).is_file()


def test_a_reused_result_of_a_stand_in_is_still_marked(workspace: Workspace) -> None:
    first, second = (workspace.run(pipeline(workspace)) for _ in range(2))
    assert reason(second) == f"reused {first.id}"
    assert step_of(second, "fit").stand_in == SCRIPT


def test_an_edited_stand_in_runs_again(workspace: Workspace) -> None:
    workspace.run(pipeline(workspace))
    run = workspace.run(pipeline(workspace, WRITES + "\n"))
    assert reason(run) == "changed since its latest success: the local stand-in"


def test_a_resumed_run_has_the_stand_in_that_it_began_with(workspace: Workspace) -> None:
    text = "raise SystemExit(open('/opt/ml/input/data/train/a').read() != '2')"
    run = workspace.run(pipeline(workspace, text))
    assert statuses(run) == {"fit": "Failed"}
    pipeline(workspace, "raise SystemExit(1)")
    workspace.put("data/a", "2")
    assert statuses(workspace.resume(run)) == {"fit": "Succeeded"}


def test_fails_for_code_that_was_changed_where_it_is_kept(workspace: Workspace) -> None:
    compiled = pipeline(workspace)
    (tree,) = (item.code for item in compiled.stand_ins.values())
    script = compiled.code_store / tree.sha256 / SCRIPT
    script.write_text(f"{script.read_text()}\n# changed\n")
    run = workspace.run(compiled)
    assert "was changed after it was packed" in str(step_of(run, "fit").reason)


def test_fails_before_anything_starts_without_a_stand_in(workspace: Workspace) -> None:
    with pytest.raises(RunError) as error:
        workspace.run(pipeline(workspace, None))
    assert str(error.value).splitlines() == [
        "step fit of test-pipeline runs what its image brings, which only a container engine can",
        "    found: image:1",
        "    hint: set conf.models.ratings.train.local_stand_in to a script that runs here in its "
        "place, or run with --sandbox docker",
    ]
    assert not workspace.places.runs.exists()


def test_a_failing_stand_in_fails_its_step(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, "raise SystemExit(3)"))
    record = step_of(run, "fit")
    assert (record.status, record.stand_in) == ("Failed", SCRIPT)
    assert record.reason == "AlgorithmError: the script ended with exit code 3"


def tuned(workspace: Workspace, text: str | None = WRITES) -> CompiledPipeline:
    """A Tuning step of an image's own algorithm, with a stand-in of this text."""
    step = {**tuning(workspace, objective="loss", jobs=2), **cached(), "Name": "fit"}
    definition = step["Arguments"]["TrainingJobDefinition"]
    definition["StaticHyperParameters"] = {"k": "3"}
    compiled = replace(workspace.pipeline(step), step_models={"fit": "ratings"})
    return replace(compiled, stand_ins={"fit": stand_in(workspace, text)} if text else {})


def test_a_tuning_step_runs_its_stand_in_for_every_trial(workspace: Workspace) -> None:
    script = """
import os, sys
assert sys.argv[1:3] == ["--k", "3"], sys.argv
open(os.environ["SM_MODEL_DIR"] + "/m", "w").write("made here")
print("loss=" + sys.argv[sys.argv.index("--x") + 1])
"""
    first, second = (workspace.run(tuned(workspace, script)) for _ in range(2))
    other = workspace.run(tuned(workspace, script + "#"))

    record = step_of(first, "fit")
    assert (record.status, record.stand_in) == ("Succeeded", SCRIPT), record.reason
    assert record.result["TrainingJobStatusCounters"]["Completed"] == 2
    assert reason(second) == f"reused {first.id}"
    assert step_of(second, "fit").stand_in == SCRIPT
    assert reason(other) == "changed since its latest success: the local stand-in"
    compiled = tuned(workspace, script)
    report = html.unescape(re.sub(r"<[^>]+>", "", page_of(first, compiled, workspace)))
    assert f"fit ran a stand-in: {SCRIPT}" in report


def page_of(run: Run, compiled: CompiledPipeline, workspace: Workspace) -> str:
    return render_report(run, compiled, workspace.places)


def test_fails_before_a_tuning_step_without_a_stand_in(workspace: Workspace) -> None:
    with pytest.raises(
        RunError, match=r"set conf\.models\.ratings\.train\.local_stand_in to a script"
    ):
        workspace.run(tuned(workspace, None))
    assert not workspace.places.runs.exists()


REPORTS = """
import sys
open('/opt/ml/model/model', 'w').write('1.5')
print('#quality_metric: host=algo-1, epoch=0, train rmse <loss>=0.9')
print('[01/02/2026 03:04:05 INFO 1] #quality_metric: host=algo-1, epoch=1, train rmse <loss>=0.8')
print('#quality_metric: host=algo-1, test rmse <loss>=' + (sys.argv[-1] if '--x' in sys.argv else '0.85'))
print('#quality_metric: host=algo-1, test accuracy <score>=nothing')
"""


def test_metrics_are_read_as_the_algorithm_reports_them(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, REPORTS, metrics=None))
    record = step_of(run, "fit")
    found = [(metric["name"], metric["value"]) for metric in record.metrics]
    assert found == [("train:rmse", 0.9), ("train:rmse", 0.8), ("test:rmse", 0.85)]
    assert [m["MetricName"] for m in record.result["FinalMetricDataList"]] == [
        "train:rmse",
        "test:rmse",
    ]


def test_metric_definitions_take_the_place_of_what_is_reported(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace, REPORTS, metrics={"error": "test rmse <loss>=(.+)"}))
    assert [metric["name"] for metric in step_of(run, "fit").metrics] == ["error"]


def test_a_search_goes_by_what_the_algorithm_reports(workspace: Workspace) -> None:
    compiled = tuned(workspace, REPORTS)
    (step,) = compiled.steps()
    definition = step["Arguments"]["TrainingJobDefinition"]
    del definition["AlgorithmSpecification"]["MetricDefinitions"]
    config = step["Arguments"]["HyperParameterTuningJobConfig"]
    config["HyperParameterTuningJobObjective"]["MetricName"] = "test:rmse"
    run = workspace.run(compiled)
    record = step_of(run, "fit")
    assert record.status == "Succeeded", record.reason
    assert len(record.metrics) == 2
    values = [metric["value"] for metric in record.metrics if metric["name"] == "test:rmse"]
    assert len(values) == 2
    assert final_metrics(record) == {"test:rmse": min(values)}


SERVES = """
def model_fn(directory):
    return float(open(directory + '/model').read())

def transform_fn(model, body, content_type, accept):
    lines = body.splitlines()
    return ''.join(f'{{"score": {model * float(line)}}}\\n' for line in lines), accept
"""


def served(workspace: Workspace, text: str | None) -> CompiledPipeline:
    """Training by a stand-in, a model of what it made, and its batch transform with this server."""
    compiled = pipeline(workspace, REPORTS)
    artifact = {"Get": "Steps.fit.ModelArtifacts.S3ModelArtifacts"}
    container = {"Image": "image:1", "ModelDataUrl": artifact, "Environment": {}}
    model = {"PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    uri = workspace.put("data/in.csv", "2\n4\n")
    request = transform_request("", uri, Accept="application/jsonlines", AssembleWith="Line")
    request["ModelName"] = {"Get": "Steps.model.ModelName"}
    steps = [
        *compiled.steps(),
        {"Name": "model", "Type": "Model", "Arguments": model},
        {"Name": "predict", "Type": "Transform", "Arguments": request, **cached()},
    ]
    server = {"predict": stand_in(workspace, text)} if text else {}
    models = dict.fromkeys(("fit", "model", "predict"), "ratings")
    whole = replace(workspace.pipeline(*steps), step_models=models)
    return replace(whole, stand_ins={**compiled.stand_ins, **server})


def test_a_stand_in_serves_what_a_stand_in_trained(workspace: Workspace) -> None:
    run = workspace.run(served(workspace, SERVES))
    record = step_of(run, "predict")
    assert (record.status, record.stand_in) == ("Succeeded", SCRIPT), record.reason
    assert workspace.read("out/in.csv.out") == '{"score": 3.0}\n{"score": 6.0}\n'
    report = html.unescape(
        re.sub(r"<[^>]+>", "", page_of(run, served(workspace, SERVES), workspace))
    )
    assert f"predict ran a stand-in: {SCRIPT}" in report


def test_an_edited_server_predicts_again(workspace: Workspace) -> None:
    first = workspace.run(served(workspace, SERVES))
    second = workspace.run(served(workspace, SERVES.replace("model *", "2 * model *")))
    assert step_of(second, "fit").reused_from == first.id
    why = str(step_of(second, "predict").why)
    assert "the local stand-in" in why
    assert workspace.read("out/in.csv.out").startswith('{"score": 6.0}')


def test_fails_before_anything_starts_where_nothing_serves_the_model(workspace: Workspace) -> None:
    with pytest.raises(RunError) as error:
        workspace.run(served(workspace, None))
    assert str(error.value).splitlines() == [
        "step predict of test-pipeline needs the server that its model's image brings, "
        "which does not run here",
        "    found: image:1",
        "    hint: set conf.models.ratings.transform.local_stand_in to a script with model_fn that "
        "runs here in its place, or go around it with --from",
    ]
    assert not workspace.places.runs.exists()


def test_a_server_that_cannot_load_fails_its_step(workspace: Workspace) -> None:
    run = workspace.run(
        served(workspace, "def model_fn(directory): raise ValueError('no such model')")
    )
    assert step_of(run, "predict").reason == (
        "AlgorithmError: the model could not be loaded: ValueError: no such model"
    )


def test_only_a_container_engine_may_run_what_the_image_brings(workspace: Workspace) -> None:
    compiled = pipeline(workspace, None)
    plan = plan_run(compiled)
    refuse_images(compiled, plan, runs_images=True)
    refuse_images(compiled, plan, runs_images=False, done=["fit"])
    with pytest.raises(RunError, match="only a container engine can"):
        refuse_images(compiled, plan, runs_images=False)


def test_a_container_s_result_is_not_a_stand_in_s(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace))
    hashes = FileHashes(workspace.places.hashes)
    cache = StepCache(workspace.places.cache, "test-pipeline", workspace.store, hashes)
    step = next(pipeline(workspace).steps())
    arguments = dict(step_of(run, "fit").arguments)
    found = cache.find(step, arguments, Content((), ""))
    assert found == Found(None, "changed since its latest success: the local stand-in")
