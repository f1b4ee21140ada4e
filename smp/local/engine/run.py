"""Begins or resumes a run of a compiled pipeline on this machine."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol

from smp.definition.compiled import CompiledPipeline
from smp.definition.evaluate import Scope
from smp.definition.notebook_jobs import is_notebook_job
from smp.errors import Problem, RunError
from smp.local.engine.executor import Executor
from smp.local.engine.plan import Plan, plan_run
from smp.local.engine.preflight import refuse_images, refuse_several_machines
from smp.local.engine.step_runner import RunOptions, StepRunner, read_property_file
from smp.local.sandbox.base import Sandbox
from smp.local.show.commands import resume_command
from smp.local.store.file_hashes import FileHashes
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import ACCOUNT_ID, REGION, Places
from smp.local.store.run_store import (
    EXECUTING,
    SKIPPED,
    STOPPED,
    SUCCEEDED,
    Run,
    RunRecord,
    RunStore,
    StepRecord,
)

LOCK_ATTEMPTS, LOCK_PAUSE_SECONDS = 10, 0.02


class Listener(Protocol):
    """Hears of everything that happens in a run, from several threads."""

    def run_started(self, run: RunRecord, done: Mapping[str, StepRecord]) -> None: ...

    def step_changed(self, record: StepRecord) -> None: ...

    def log_line(self, step: str, line: str) -> None: ...

    def note(self, text: str) -> None: ...

    def run_finished(self, record: RunRecord) -> None: ...


@dataclass(frozen=True)
class Machine:
    """What a run runs with. `python_of` maps a step to the `bin` directory that its scripts use."""

    places: Places
    options: RunOptions
    sandbox: Sandbox
    python_of: Callable[[str], Path]
    listener: Listener
    requirements: Mapping[str, str] = field(default_factory=dict)
    """The text of each model's requirements-local.txt, which a run keeps to continue with."""


def start_run(
    compiled: CompiledPipeline,
    machine: Machine,
    *,
    parameters: Mapping[str, Any],
    only: str | None = None,
    start: str | None = None,
) -> RunRecord:
    """Run a pipeline and return the record of how it ended; raises RunError before it starts."""
    plan = plan_run(compiled, only, start)
    refuse_images(compiled, plan, machine.sandbox.runs_images)
    refuse_several_machines(compiled, plan, parameters)
    _refuse_environments(compiled, machine, plan)
    earlier = _earlier_results(machine.places, compiled.name, plan)
    described = {**_options(machine), "only": only, "from": start}
    run = RunStore(machine.places.runs).create(
        compiled, plan.run, parameters, described, machine.requirements
    )
    with only_one(run):
        return _execute(run, compiled, machine, plan, earlier)


def _options(machine: Machine) -> dict[str, Any]:
    return {**asdict(machine.options), "sandbox": machine.sandbox.name}


def resume_run(run: Run, machine: Machine) -> RunRecord:
    """Continue with a run from its finished steps, with the pipeline as it was compiled then.

    A run that has succeeded stays as it is. Raises RunError for a run that is still going.
    """
    with only_one(run):
        return _go_on(run, machine)


def _refuse_environments(
    compiled: CompiledPipeline, machine: Machine, plan: Plan, done: Collection[str] = ()
) -> None:
    waiting = [plan.steps[name] for name in plan.jobs if name not in done]
    notebooks = [step for step in waiting if is_notebook_job(step)]
    if notebooks and not machine.sandbox.runs_images:
        from smp.local.jobs.notebook_job import refuse_notebooks

        refuse_notebooks(compiled, notebooks, machine.python_of)


@contextmanager
def only_one(run: Run) -> Iterator[None]:
    """Hold a run, so that no two processes execute it; the system lets go of it when this one ends."""
    with run.lock_path.open("w") as file:
        if not _lock(file):
            raise RunError(f"{run.id} is still running; stop it before you resume it")
        yield


def _lock(file: IO[str]) -> bool:
    """Lock a file and say whether that worked; one who looks at it has it for no longer than a glance."""
    for _ in range(LOCK_ATTEMPTS):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(LOCK_PAUSE_SECONDS)
    return False


def _go_on(run: Run, machine: Machine) -> RunRecord:
    record = run.record()
    succeeded = {step.name: step for step in run.steps() if step.status == SUCCEEDED}
    if record.status == SUCCEEDED and not _is_left(run, record):
        machine.listener.run_started(record, succeeded)
        machine.listener.run_finished(record)
        return record
    compiled = run.compiled(machine.places.code)
    plan = plan_run(compiled, record.options.get("only"), record.options.get("from"))
    done = _earlier_results(machine.places, compiled.name, plan) | succeeded
    refuse_images(compiled, plan, machine.sandbox.runs_images, done)
    refuse_several_machines(compiled, plan, record.parameters, done)
    _refuse_environments(compiled, machine, plan, done)
    options = {**record.options, **_options(machine)}
    run.write(replace(record, status=EXECUTING, ended=None, reason=None, options=options))
    return _execute(run, compiled, machine, plan, done)


def _is_left(run: Run, record: RunRecord) -> bool:
    """Tell whether a step of a run has no result: a power cut may have taken its record."""
    steps = map(run.step, record.steps)
    return any(step is None or step.status not in (SUCCEEDED, SKIPPED) for step in steps)


def _execute(
    run: Run,
    compiled: CompiledPipeline,
    machine: Machine,
    plan: Plan,
    done: Mapping[str, StepRecord],
) -> RunRecord:
    scope = Scope(run.record().parameters, execution_values(compiled.name, run))
    runner = StepRunner(
        run=run,
        compiled=compiled,
        places=machine.places,
        scope=scope,
        options=machine.options,
        sandbox=machine.sandbox,
        hashes=FileHashes(machine.places.hashes),
        python_of=machine.python_of,
        on_change=machine.listener.step_changed,
        on_line=machine.listener.log_line,
        on_note=machine.listener.note,
    )
    executor = Executor(plan, runner, done)
    scope.read_json = read_property_file(
        ObjectStore(machine.places.buckets), executor.steps, scope.steps
    )
    machine.listener.run_started(run.record(), done)
    try:
        run.finish(executor.execute())
    except OSError as error:
        reason = f"the records of run {run.id} cannot be written: {error}"
        with suppress(OSError):
            run.finish(STOPPED, reason)
        raise RunError(
            [
                Problem(
                    reason,
                    hint=f"fix this, then resume with: {resume_command(run.record())}",
                )
            ]
        ) from error
    record = run.record()
    machine.listener.run_finished(record)
    return record


def execution_values(pipeline: str, run: Run) -> dict[str, Any]:
    """Return what `Execution.…` stands for in a run."""
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:pipeline/{pipeline}"
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(run.record().started))
    return {
        "PipelineName": pipeline,
        "PipelineArn": arn,
        "PipelineExecutionId": run.id,
        "PipelineExecutionArn": f"{arn}/execution/{run.id}",
        "StartDateTime": started,
        "CurrentDateTime": started,
    }


def _earlier_results(places: Places, pipeline: str, plan: Plan) -> dict[str, StepRecord]:
    """Find the latest success of each step whose result is used but which does not run now."""
    found: dict[str, StepRecord] = {}
    for run in RunStore(places.runs).all():
        if len(found) == len(plan.reuse):
            break
        if run.record().pipeline != pipeline:
            continue
        for name in plan.reuse:
            record = run.step(name) if name not in found else None
            if record is not None and record.status == SUCCEEDED:
                found[name] = record
    missing = [name for name in plan.reuse if name not in found]
    if missing:
        raise RunError(
            [
                Problem(
                    f"no earlier run has a result of {', '.join(missing)}",
                    hint=f"run the whole pipeline first: smp run {pipeline}",
                )
            ]
        )
    return found
