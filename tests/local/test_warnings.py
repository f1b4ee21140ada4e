"""What a step leaves undone although it succeeds is told in terminal, record and report; by running it."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from smp.definition.compiled import Json
from smp.local.report import render_report
from smp.local.show.progress import Progress
from smp.local.show.text import show_fields, show_run
from smp.local.store.run_store import Run
from tests.local.pipelines import BUCKET, Workspace, cached, processing, statuses, step_of

REPORT = [{"PropertyFileName": "Quality", "OutputName": "o", "FilePath": "e.json"}]
OUTPUT = "/opt/ml/processing/output/o"
WRITE = f"open('{OUTPUT}/e.json', 'w').write"


def evaluation(workspace: Workspace, script: str) -> Json:
    outputs = {"o": f"{BUCKET}/report"}
    return workspace.processing("step", script, outputs=outputs, PropertyFiles=REPORT, **cached())


CASES: dict[str, tuple[Callable[[Workspace], Json], list[str]]] = {
    "nothing": (
        lambda w: evaluation(w, ""),
        [
            f"the output o is empty: no file is in {OUTPUT}",
            f"the report Quality ({OUTPUT}/e.json) does not exist",
        ],
    ),
    "another name": (
        lambda w: evaluation(w, f"open('{OUTPUT}/E.json', 'w').write('1')"),
        [f"the report Quality ({OUTPUT}/e.json) does not exist"],
    ),
    "not JSON": (
        lambda w: evaluation(w, f"{WRITE}('auc')"),
        [f"the report Quality ({OUTPUT}/e.json) is not JSON: "],
    ),
    "a report": (lambda w: evaluation(w, f"{WRITE}('{{}}')"), []),
    "no model": (
        lambda w: w.training("step", ""),
        ["the script saved no model in /opt/ml/model (SM_MODEL_DIR)"],
    ),
    "no metric": (
        lambda w: w.training(
            "step",
            "open('/opt/ml/model/m', 'w'); print('AUC 0.5')",
            metrics={"auc": "auc=(.+)", "upper": "AUC (.+)"},
        ),
        ["no line of the log gave the metric auc: its Regex is auc=(.+)"],
    ),
}


def run_of(workspace: Workspace, step: Json) -> Run:
    run = workspace.run(workspace.pipeline(step))
    assert statuses(run) == {"step": "Succeeded"}
    return run


@pytest.mark.parametrize("case", CASES)
def test_a_silent_success_is_told(workspace: Workspace, case: str) -> None:
    make, expected = CASES[case]
    run = run_of(workspace, make(workspace))
    warnings = step_of(run, "step").warnings
    assert len(warnings) == len(expected)
    assert all(text.startswith(begin) for text, begin in zip(warnings, expected, strict=True))


def test_a_warning_is_everywhere_that_a_run_is_looked_at(workspace: Workspace) -> None:
    step = evaluation(workspace, "")
    for run in (run_of(workspace, step), run_of(workspace, step)):
        out = io.StringIO()
        Progress(out, workspace.places, "p", ()).run_finished(run.record())
        report = render_report(run, run.compiled(workspace.places.code), workspace.places)
        text = f"the output o is empty: no file is in {OUTPUT}"
        assert f"warning: step: {text}" in out.getvalue()
        assert f"warning: step: {text}" in show_run(run, workspace.places)
        assert text in show_fields(run, workspace.places)["step_records"][0]["warnings"]
        assert text in report
    assert step_of(run, "step").reused_from is not None


def test_a_step_without_outputs_has_no_warning(workspace: Workspace) -> None:
    assert step_of(run_of(workspace, processing("step")), "step").warnings == ()
