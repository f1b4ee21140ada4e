"""The record of each run on disk: what was asked for, what each step did, and its log.

Every write is atomic, so that a run can continue after the process was killed at any moment.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import FOR_EACH
from smp.definition.unroll_loops import ITEMS, loops_of, with_iterations
from smp.errors import Problem, RunError, near_names
from smp.text.atomic_file import write_atomically

STARTING, EXECUTING, SUCCEEDED = "Starting", "Executing", "Succeeded"
FAILED, STOPPED, SKIPPED = "Failed", "Stopped", "Skipped"
FINISHED = frozenset({SUCCEEDED, FAILED, STOPPED, SKIPPED})
PROCESS_ENDED = "its process ended"
"""Why a run stopped that did not come to say how it ended."""


@dataclass(frozen=True)
class StepRecord:
    """One step of a run, in the service's words.

    `result` has the shape of the Describe call of what the step made; `arguments` is the request with
    every expression resolved; times are seconds since 1970. `reused_from` is the run whose result a
    cache hit took. `why` says why the cache was not used.
    """

    name: str
    type: str
    status: str = STARTING
    started: float | None = None
    ended: float | None = None
    attempts: int = 0
    reason: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    metrics: tuple[Mapping[str, Any], ...] = ()
    """Values scraped from the log, in order: `name`, `value`, `time`."""
    reused_from: str | None = None
    why: str | None = None
    sandbox: str | None = None
    stand_in: str | None = None
    """The local script that ran in place of a built-in algorithm's container."""
    inputs: tuple[Mapping[str, Any], ...] = ()
    """The data that it read, as it was then, see `smp.local.engine.step_runner`; with a reused result, what
    that was made of."""
    item: str | None = None
    """Of a step of an iteration, the loop's item."""
    warnings: tuple[str, ...] = ()
    """What it left undone although it succeeded, such as a declared output that is empty."""

    @property
    def seconds(self) -> float | None:
        """How long it took, so far or in all."""
        if self.started is None:
            return None
        return (self.ended or time.time()) - self.started


@dataclass(frozen=True)
class RunRecord:
    """One run of a pipeline."""

    id: str
    pipeline: str
    status: str
    started: float
    ended: float | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[str, ...] = ()
    """Names of the steps that this run is to execute."""
    options: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None

    def seen(self, step: StepRecord | None) -> StepRecord | None:
        """Return the record of one of its steps as it is: none continues after the run has ended."""
        if step is None or step.status in FINISHED or self.status not in FINISHED:
            return step
        return replace(step, status=STOPPED, ended=self.ended, reason=self.reason)


class Run:
    """The directory of one run. Its methods read and write single files, each whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def id(self) -> str:
        return self.directory.name

    def step_directory(self, step: str) -> Path:
        """Where a step's record, log and working files lie."""
        return self.directory / "steps" / step

    def requirements_path(self, model: str) -> Path:
        """The requirements-local.txt of a model as it was when the run began; missing if it has none."""
        return self.directory / "requirements" / f"{model}.txt"

    @property
    def lock_path(self) -> Path:
        """The file that the process which executes the run holds locked."""
        return self.directory / "lock"

    def is_going(self) -> bool:
        """Whether a process executes the run; the system frees the lock of one that was killed."""
        try:
            with self.lock_path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def log_path(self, step: str) -> Path:
        """The log of a step's job, all attempts in one file."""
        return self.step_directory(step) / "log.txt"

    def require_log(self, step: str) -> Path:
        """Return the log of a step; raises RunError where the run has no such step or log."""
        steps = self.record().steps
        if step not in steps:
            problem = Problem(
                f"run {self.id} has no step '{step}'",
                allowed=", ".join(steps),
                hint=near_names(step, steps),
            )
            raise RunError([problem])
        path = self.log_path(step)
        if not path.exists():
            reason = f"step '{step}' of run {self.id} has written no log"
            hint = self._reused_log(step) or self._iterations_of(step, steps)
            raise RunError([Problem(reason, hint=hint)])
        return path

    def _reused_log(self, step: str) -> str | None:
        """Say which run has the log of a result that was reused; None for a step that ran itself."""
        record = self.step(step)
        if record is None or record.reused_from is None:
            return None
        hint = f"it took the result of run {record.reused_from}"
        if Run(self.directory.with_name(record.reused_from)).log_path(step).exists():
            return f"{hint}: smp logs {record.reused_from} {step}"
        return f"{hint}, which has no log of it"

    def _iterations_of(self, step: str, steps: Sequence[str]) -> str | None:
        """Say which steps a loop ran; None for a step that is none."""
        record = self.step(step)
        if record is None or record.type != FOR_EACH.name:
            return None
        body = {name for name, loop in self._loops().items() if loop == step}
        ran = [name for name in steps if name.rpartition("-")[0] in body]
        return f"its iterations have: {', '.join(ran)}" if ran else None

    def _loops(self) -> dict[str, str]:
        return loops_of(self.compiled(self.directory).steps())

    def trial_logs(self, step: str) -> dict[str, Path]:
        """Return the log of each training job of a tuning step, by the job's name."""
        return {path.stem: path for path in sorted(self.step_directory(step).glob("trials/*.txt"))}

    def require_trial_log(self, step: str, trial: str) -> Path:
        """Return the log of the training job that a name, or a part of only one, means."""
        if step not in self.record().steps:
            self.require_log(step)
        logs = self.trial_logs(step)
        found = [trial] if trial in logs else [name for name in logs if trial in name]
        if len(found) == 1:
            return logs[found[0]]
        if not logs:
            raise RunError(f"step '{step}' of run {self.id} has no trials")
        reason = "is a part of several names" if found else "is not a trial"
        problem = Problem(
            f"'{trial}' {reason}",
            allowed=", ".join(found or logs),
            hint=None if found else near_names(trial, logs),
        )
        raise RunError([problem])

    def record(self) -> RunRecord:
        """Read the run's own record."""
        value = _read(self.directory / "run.json")
        return RunRecord(**{**value, "steps": tuple(value["steps"])})

    def standing(self) -> RunRecord:
        """Read the run's own record as it is: Stopped where its process ended without a word."""
        record = self.record()
        if record.status in FINISHED or self.is_going():
            return record
        record = self.record()  # it may have ended since it was read
        if record.status in FINISHED:
            return record
        ended = max((record.started, *self._signs_of_life()))
        return replace(record, status=STOPPED, ended=ended, reason=PROCESS_ENDED)

    def _signs_of_life(self) -> Iterator[float]:
        for step in self.steps():
            yield from (moment for moment in (step.started, step.ended) if moment is not None)
            path = self.log_path(step.name)
            if step.status not in FINISHED and path.exists():
                yield path.stat().st_mtime

    def write(self, record: RunRecord) -> None:
        """Replace the run's own record."""
        _write(self.directory / "run.json", asdict(record))

    def compiled(self, code_store: Path) -> CompiledPipeline:
        """Read the pipeline as it was compiled when the run began."""
        text = (self.directory / "compiled.json").read_text(encoding="utf-8")
        return CompiledPipeline.from_json(text, code_store)

    def unrolled(self, code_store: Path) -> CompiledPipeline:
        """Read the pipeline with the iterations of the loops that have begun in place of their steps."""
        compiled = self.compiled(code_store)
        loops = [step["Name"] for step in compiled.steps() if step["Type"] == FOR_EACH.name]
        records = (self.step(name) for name in loops)
        items = {record.name: record.arguments[ITEMS] for record in records if record}
        return with_iterations(compiled, {name: list(one) for name, one in items.items()})

    def step(self, name: str) -> StepRecord | None:
        """Read a step's record; None where the step has not begun, or a power cut took its record."""
        path = self.step_directory(name) / "step.json"
        if not path.exists() or path.stat().st_size == 0:
            return None
        value = _read(path)
        lists = {key: tuple(value.get(key, ())) for key in ("metrics", "inputs", "warnings")}
        return StepRecord(**{**value, **lists})

    def write_step(self, record: StepRecord) -> None:
        """Replace a step's record; only that of a step that has ended waits for the disk."""
        path = self.step_directory(record.name) / "step.json"
        _write(path, asdict(record), durable=record.status in FINISHED)

    def steps(self) -> Iterator[StepRecord]:
        """Yield the record of every step of the run that has begun, in the run's order."""
        for name in self.record().steps:
            record = self.step(name)
            if record is not None:
                yield record

    def warnings(self) -> Iterator[tuple[StepRecord, str]]:
        """Yield each warning of a step, in the run's order."""
        for step in self.steps():
            yield from ((step, text) for text in step.warnings)

    def insert_steps(self, loop: str, names: Sequence[str]) -> None:
        """Put the steps of a loop's iterations behind the loop; those that are there stay."""
        record = self.record()
        added = [name for name in names if name not in record.steps]
        place = record.steps.index(loop) + 1
        steps = (*record.steps[:place], *added, *record.steps[place:])
        self.write(replace(record, steps=steps))

    def finish(self, status: str, reason: str | None = None) -> None:
        """Say how the run ended."""
        self.write(replace(self.record(), status=status, ended=time.time(), reason=reason))


class RunStore:
    """All runs of a workspace."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(
        self,
        compiled: CompiledPipeline,
        steps: tuple[str, ...],
        parameters: Mapping[str, Any],
        options: Mapping[str, Any],
        requirements: Mapping[str, str] | None = None,
    ) -> Run:
        """Begin a run; its id sorts by the time it began (UTC), also within a second."""
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        within = f"{int(now % 1 * 0x10000):04x}"
        run = Run(self.root / f"{stamp}-{within}{secrets.token_hex(1)}")
        write_atomically(run.directory / "compiled.json", compiled.to_json())
        for model, text in (requirements or {}).items():
            write_atomically(run.requirements_path(model), text)
        run.write(
            RunRecord(
                run.id, compiled.name, EXECUTING, now, None, dict(parameters), steps, dict(options)
            )
        )
        return run

    def all(self) -> list[Run]:
        """Return every run, newest first."""
        if not self.root.is_dir():
            return []
        found = [Run(path) for path in self.root.iterdir() if (path / "run.json").exists()]
        return sorted(found, key=lambda run: run.id, reverse=True)

    def get(self, run_id: str) -> Run:
        """Return a run by its id, by a beginning of it that is unique, or `last` for the newest."""
        runs = self.all()
        matches = [run for run in runs if run.id == run_id] or [
            run for run in runs if run.id.startswith(run_id)
        ]
        if run_id == "last" and runs:
            return runs[0]
        if len(matches) == 1:
            return matches[0]
        known = [run.id for run in runs]
        reason = "is not the beginning of one run" if matches else "is not a run"
        raise RunError(
            [
                Problem(
                    f"'{run_id}' {reason}",
                    allowed=", ".join(known[:10]) or "there are no runs yet",
                    hint=near_names(run_id, known),
                )
            ]
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}") from error
    assert isinstance(value, dict)
    return value


def _write(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, text, durable=durable)
