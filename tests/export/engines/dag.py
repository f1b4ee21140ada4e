"""Airflow as an engine: the DAG, run by Airflow itself, against the emulator."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import CALLS as SERVICE_CALLS
from smp.export.airflow import render_dag
from smp.export.airflow.arrows import arrows, entries
from smp.export.workflow import read_workflow
from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.emulated_service import EmulatedService
from tests.export.engines.ran import Ran, Story, without_names

Json = dict[str, Any]
CALLS = {call.operation: call for call in SERVICE_CALLS}

TOKEN = "ClientToken"
"""What the client puts into requests by itself."""


def run_as_dag(
    compiled: CompiledPipeline, story: Story, airflow: AirflowProcess, service: EmulatedService
) -> Ran:
    """Run a pipeline whose deploy-time values are put in."""
    service.forget()
    service.failing = story.failing
    service.reports = {
        step: (PurePosixPath(story.place(step, "")).name, report)
        for step, report in story.reports.items()
    }
    service.answers = {
        step: {"FinalMetricDataList": story.final_metrics(step)} for step in story.metrics
    }
    airflow.place(render_dag(compiled))
    run = airflow.run(compiled.name, **story.parameters)
    assert "import_errors" not in run, run
    made = {
        call.step: {key: item for key, item in call.request.items() if key != TOKEN}
        for call in service.calls
        if call.operation in CALLS
    }
    names = {
        call.step: call.request[member]
        for call in service.calls
        if call.operation in CALLS and (member := CALLS[call.operation].name_member)
    }
    execution = re.sub("[^A-Za-z0-9]+", "-", run["run_id"]).strip("-")
    return Ran(
        run["state"] == "success",
        without_names(made, names, execution),
        _outcomes(compiled, run),
        _spans(service, made),
    )


def _spans(service: EmulatedService, made: Json) -> dict[str, tuple[int, int]]:
    """Return when each step began and ended, in calls."""
    calls = [call.step for call in service.calls]
    last = len(calls) - 1
    return {step: (calls.index(step), last - calls[::-1].index(step)) for step in made}


def _outcomes(compiled: CompiledPipeline, run: Json) -> dict[str, bool]:
    """Return what conditions came to, where the side that was taken shows it."""
    workflow = read_workflow(compiled)
    after = arrows(workflow)
    found = {}
    for task in workflow.tasks:
        asked = run["tasks"][task.name]
        if task.kind != "Condition" or asked["state"] != "success":
            continue
        sides = [entries(workflow, after, task.name, side) for side in ("IfSteps", "ElseSteps")]
        if sides[0] != sides[1]:
            found[task.name] = set(asked["chosen"] or ()) == set(sides[0])
    return found


def visible(compiled: CompiledPipeline, ran: Ran) -> dict[str, bool]:
    """Return the outcomes of another engine that a DAG shows: those of conditions with steps."""
    asked = {
        step["Name"]
        for step in compiled.steps()
        if step["Type"] == "Condition"
        and (step["Arguments"]["IfSteps"] or step["Arguments"]["ElseSteps"])
    }
    return {name: outcome for name, outcome in ran.outcomes.items() if name in asked}
