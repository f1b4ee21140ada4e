"""Local stand-ins of algorithms that only an image has: what runs, what is recorded, what is refused."""

from __future__ import annotations

import hashlib
import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from smp.compiler.compiled import CodeFile, CodeTree, CompiledPipeline, StandIn
from smp.errors import RunError
from smp.local.cache import StepCache
from smp.local.plan import plan_run, refuse_images
from smp.local.report import render_report
from smp.local.run_store import Run
from tests.local.jobs.test_tuning import tuning
from tests.local.pipelines import Workspace, cached, log_of, statuses, step_of, training

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


def test_only_a_container_engine_may_run_what_the_image_brings(workspace: Workspace) -> None:
    compiled = pipeline(workspace, None)
    plan = plan_run(compiled)
    refuse_images(compiled, plan, runs_images=True)
    refuse_images(compiled, plan, runs_images=False, done=["fit"])
    with pytest.raises(RunError, match="only a container engine can"):
        refuse_images(compiled, plan, runs_images=False)


def test_a_container_s_result_is_not_a_stand_in_s(workspace: Workspace) -> None:
    run = workspace.run(pipeline(workspace))
    cache = StepCache(workspace.places.cache, "test-pipeline", workspace.store)
    step = next(pipeline(workspace).steps())
    arguments = dict(step_of(run, "fit").arguments)
    kept, why = cache.find(step, arguments)
    assert (kept, why) == (None, "changed since its latest success: the local stand-in")
