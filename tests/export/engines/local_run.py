"""The local run as an engine: its own planning, expressions, conditions and order; the jobs only answer."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from smp.definition.compiled import CompiledPipeline
from smp.definition.parameters import parameter_values
from smp.local.engine import plan, preflight
from smp.local.engine import step_runner as step_run
from smp.local.engine.run import start_run
from smp.local.jobs.context import StepContext, StepFailure
from smp.local.sandbox.base import Job, Started
from smp.local.store.object_store import ObjectStore
from smp.local.store.run_store import SUCCEEDED, RunStore
from tests.export.engines.ran import Ran, Story, without_names
from tests.local.pipelines import Workspace

Json = dict[str, Any]

BEST = "FakeTrainingJobName"
"""The best job of every search, as the AWS emulator has it."""


class _Jobs:
    """Answers for every kind of job, as a story has it."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._ticks = itertools.count(1)
        self.spans: dict[str, tuple[int, int]] = {}
        self.names: dict[str, str] = {}

    def run(self, context: StepContext) -> Json:
        began = next(self._ticks)
        self.names[context.name] = context.job_name
        try:
            if context.name in self._story.failing:
                raise StepFailure("AlgorithmError: it went wrong")
            return self._answer(context)
        finally:
            self.spans[context.name] = (began, next(self._ticks))

    def _answer(self, context: StepContext) -> Json:
        kind, request = context.step["Type"], context.arguments
        if kind == "Processing":
            return self._processed(context)
        if kind == "Training":
            path = f"{request['OutputDataConfig']['S3OutputPath']}/{context.job_name}"
            return {
                "ModelArtifacts": {"S3ModelArtifacts": f"{path}/output/model.tar.gz"},
                "FinalMetricDataList": self._story.final_metrics(context.name),
            }
        if kind == "Tuning":
            return {"BestTrainingJob": {"TrainingJobName": BEST}}
        if kind == "Lambda":
            return {"OutputParameters": self._story.outputs.get(context.name, {})}
        if kind == "Transform":
            return {"TransformOutput": request["TransformOutput"]}
        return {"ModelName": context.job_name, "ModelPackageArn": f"arn:{context.job_name}"}

    def _processed(self, context: StepContext) -> Json:
        outputs = context.arguments["ProcessingOutputConfig"]["Outputs"]
        place = Path(self._story.place(context.name, context.execution_id))
        report = context.directory / place.name
        report.write_text(json.dumps(self._story.reports.get(context.name, {})))
        context.store.put(report, f"{outputs[0]['S3Output']['S3Uri']}/{place.name}")
        found = {output["OutputName"]: output for output in outputs}
        return {"ProcessingOutputConfig": {"Outputs": found}}


class _NoSandbox:
    """Where jobs only answer, nothing starts; it counts as one that has images."""

    name = "none"
    runs_images = True
    leaks: tuple[str, ...] = ()

    def start(self, job: Job) -> Started:
        raise AssertionError(f"a job was started: {job}")


def run_locally(compiled: CompiledPipeline, story: Story, directory: Path) -> Ran:
    """Run a pipeline whose deploy-time values are put in."""
    workspace = Workspace(directory, _NoSandbox())
    jobs = _Jobs(story)
    given = {name: _text(value) for name, value in story.parameters.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_run, "job_of", lambda _: jobs.run)
        patch.setattr(plan, "refuse_unrunnable", lambda *_: None)
        patch.setattr(preflight, "runs_here", lambda _: True)
        record = start_run(
            compiled,
            workspace.machine(fresh=True),
            parameters=parameter_values(compiled.definition, given),
        )
    run = RunStore(workspace.places.runs).get(record.id)
    steps = {step.name: step for step in run.steps()}
    requests = {name: dict(steps[name].arguments) for name in jobs.spans}
    outcomes = {
        name: bool(step.result["Outcome"])
        for name, step in steps.items()
        if step.type == "Condition" and step.status == SUCCEEDED
    }
    return Ran(
        record.status == SUCCEEDED,
        without_names(requests, jobs.names, record.id),
        outcomes,
        jobs.spans,
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def content_of(directory: Path, uri: str) -> Mapping[str, Any]:
    """Return a JSON object of a run's store."""
    path = ObjectStore(directory / ".smp" / "s3").path_of(uri)
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
