"""The report of a search that ran here: its trials, the best one's model, the failure's cause."""

from __future__ import annotations

from smp.local.report import render_report
from smp.local.store.run_store import Run
from tests.local.jobs.test_tuning import tuning
from tests.local.pipelines import Workspace, step_of

GRID = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["3", "1", "2"]}]}


def searched(workspace: Workspace, script: str) -> tuple[Run, str]:
    """Run a search of three trials, one after the other, and return the run with its report."""
    step = tuning(workspace, script, strategy="Grid", ranges=GRID, jobs=None, parallel=1)
    run = workspace.run(workspace.pipeline(step))
    compiled = run.compiled(workspace.places.code)
    return run, render_report(run, compiled, workspace.places)


def test_the_best_trial_has_its_model_and_its_values(workspace: Workspace) -> None:
    script = """
    import sys
    print('loss=' + sys.argv[sys.argv.index('-x') + 1])
    """
    run, html = searched(workspace, script)
    best = step_of(run, "tune").result["BestTrainingJob"]["TrainingJobName"]
    begun = sorted(run.trial_logs("tune"))
    assert f"loss of 3 trials, best is {begun.index(best) + 1}" in html
    assert all(f"steps/tune/trials/{name}.txt" in html for name in begun)
    lineage = html.partition('id="lineage"')[2].partition('id="artifacts"')[0]
    assert f"{best}/output/model.tar.gz" in lineage
    assert '<th scope="row">x</th><td>1</td>' in lineage


def test_a_failure_shows_the_first_trial_that_failed(workspace: Workspace) -> None:
    run, html = searched(workspace, "raise KeyError('tenure')")
    first = min(run.trial_logs("tune"))
    failures = html.partition('id="failures"')[2].partition("</section>")[0]
    assert f"smp logs {run.id} tune --trial {first}" in failures
    assert f"steps/tune/trials/{first}.txt" in failures
    assert "raise KeyError(&#x27;tenure&#x27;)" in failures
