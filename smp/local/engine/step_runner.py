"""Runs one step from its definition to its record: resolve, check, reuse or run, retry."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline, Json, StandIn
from smp.definition.deploy_values import substitute
from smp.definition.evaluate import Scope, resolve
from smp.definition.request_check import check_step_request
from smp.definition.step_types import CONDITION, FAIL, LONGEST_NAME, row_of
from smp.errors import RunError, SmpError
from smp.local.engine.cache import CONTENT, CachedResult, Found, StepCache
from smp.local.engine.conditions import all_hold
from smp.local.engine.content import Content, python_identity
from smp.local.jobs.context import StepContext, StepFailure
from smp.local.jobs.kinds import job_of
from smp.local.sandbox.base import Sandbox
from smp.local.sandbox.process import Stop
from smp.local.store.file_hashes import FileHashes
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import Places, local_value
from smp.local.store.reports import read_report
from smp.local.store.run_store import EXECUTING, FAILED, STOPPED, SUCCEEDED, Run, StepRecord
from smp.local.store.step_data import StepData, Stored, combined_hash
from smp.text.human import duration

MACHINE_FAULTS = frozenset({"Step.SERVICE_FAULT", "SageMaker.JOB_INTERNAL_ERROR"})
"""Exception types of retry policies that a fault of this machine, not of the script, counts as."""


@dataclass(frozen=True)
class RunOptions:
    """How a run behaves. `grace_seconds` is the time between SIGTERM and SIGKILL, 120 in the service."""

    jobs: int = 1
    fresh: bool = False
    cache: str = CONTENT
    """The rule by which results are reused, one of `smp.local.engine.cache.RULES`."""
    network: bool = False
    grace_seconds: float = 120.0
    keep: bool = False
    """Keep the working directories of steps that succeeded."""
    where: tuple[str, ...] = ()
    """The options by which a command finds the same configs; a run's own suggestions have them."""
    assignments: tuple[str, ...] = ()
    """The values of parameters that were given, as `NAME=VALUE`."""


@dataclass
class StepRunner:
    """Everything that the steps of one run share."""

    run: Run
    compiled: CompiledPipeline
    places: Places
    scope: Scope
    options: RunOptions
    sandbox: Sandbox
    hashes: FileHashes
    python_of: Callable[[str], Path]
    on_change: Callable[[StepRecord], None]
    on_line: Callable[[str, str], None]
    on_note: Callable[[str], None]
    stop: Stop = field(default_factory=Stop)
    originals: dict[str, str] = field(default_factory=dict)
    """The step of the definition that each step of an iteration repeats."""
    items: dict[str, str] = field(default_factory=dict)
    """The loop's item of each step of an iteration."""

    def execute(self, step: Json) -> StepRecord:
        """Run a step to its end; its record is on disk before this returns."""
        record = StepRecord(
            step["Name"],
            row_of(step).name,
            EXECUTING,
            time.time(),
            sandbox=self.sandbox.name,
            item=self.items.get(step["Name"]),
        )
        self._say(record)
        try:
            record = self._run(step, record)
        except StepFailure as failure:
            status = STOPPED if self.stop.is_set() else FAILED
            record = replace(self._latest(record), status=status, reason=str(failure))
        except SmpError as error:
            record = replace(self._latest(record), status=FAILED, reason=str(error))
        except Exception as error:
            reason = f"this machine failed the step: {type(error).__name__}: {error}"
            record = replace(self._latest(record), status=FAILED, reason=reason)
        record = replace(record, ended=time.time())
        self._say(record)
        return record

    def _latest(self, record: StepRecord) -> StepRecord:
        return self.run.step(record.name) or record

    def _say(self, record: StepRecord) -> None:
        self.run.write_step(record)
        self.on_change(record)

    def _run(self, step: Json, record: StepRecord) -> StepRecord:
        if row_of(step) is CONDITION:
            outcome = all_hold(step["Arguments"]["Conditions"], self.scope)
            return replace(record, status=SUCCEEDED, result={"Outcome": outcome})
        arguments = self._arguments(step)
        stand_in = self._stand_in(record.name)
        record = replace(
            record, arguments=arguments, stand_in=stand_in.script if stand_in else None
        )
        if row_of(step) is FAIL:
            raise StepFailure(str(arguments.get("ErrorMessage", "the Fail step was reached")))
        content = self._content(record)
        store = ObjectStore(self.places.buckets)
        cache = StepCache(
            self.places.cache, self.compiled.name, store, self.hashes, self.options.cache
        )
        found = (
            Found(None, "--fresh was given")
            if self.options.fresh
            else cache.find(step, arguments, content, stand_in)
        )
        if found.differs:
            self.on_note(f"{record.name}: {found.why}")
        if found.result is not None:
            return replace(
                record,
                status=SUCCEEDED,
                result=found.result.result,
                metrics=found.result.metrics,
                warnings=found.result.warnings,
                inputs=found.result.inputs,
                reused_from=found.result.run,
                why=found.why or None,
            )
        inputs = tuple(content.inputs)
        record = self._attempts(step, replace(record, why=found.why, inputs=inputs))
        # Inputs that changed while the job ran are not what it is known to have read.
        if self._content(record) == content:
            ended = CachedResult(
                self.run.id, time.time(), record.result, record.metrics, inputs, record.warnings
            )
            cache.keep(step, arguments, ended, content, stand_in)
        return record

    def _content(self, record: StepRecord) -> Content:
        """Return the content of the step's inputs, and the Python packages that its scripts use."""
        data = StepData(self.compiled, self.places)
        name = self.originals.get(record.name, record.name)
        python = "" if self.sandbox.runs_images else python_identity(self.python_of(name))
        return Content(read_inputs(data.inputs(record), self.hashes), python)

    def _stand_in(self, step: str) -> StandIn | None:
        """Return what runs in place of the step's image, where the sandbox has no images."""
        return (
            None
            if self.sandbox.runs_images
            else self.compiled.stand_ins.get(self.originals.get(step, step))
        )

    def _arguments(self, step: Json) -> Json:
        """Return the request that the step makes, checked against the API's shape."""
        filled = substitute(
            step.get("Arguments", {}), lambda name: local_value(name, self.compiled)
        )
        arguments: Json = resolve(filled, self.scope)
        if row_of(step).call is not None:
            faults = check_step_request({**step, "Arguments": arguments}, shapes=self.places.shapes)
            if faults:
                details = "; ".join(f"{path}: {reason}" for path, reason in faults)
                raise RunError(f"the service would refuse its request: {details}")
        return arguments

    def _settled(self, step: Json) -> Json:
        """Return a step with values also in what it says beside its request, as a check does."""
        if not row_of(step).compares_baselines:
            return step
        beside = {
            key: value for key, value in step.items() if key not in ("Arguments", "DependsOn")
        }
        filled = substitute(beside, lambda name: local_value(name, self.compiled))
        return {**step, **resolve(filled, self.scope)}

    def _attempts(self, step: Json, record: StepRecord) -> StepRecord:
        """Run the job, again after a fault of the machine as the step's retry policies say."""
        attempt, began = 1, time.monotonic()
        while True:
            try:
                return self._attempt(step, replace(record, attempts=attempt))
            except OSError as error:
                policies = step.get("RetryPolicies", [])
                pause = _pause_before(attempt + 1, policies, time.monotonic() - began)
                if pause is not None and not self.stop.is_set():
                    again = f"{record.name}: attempt {attempt + 1} in {duration(pause)}"
                    self.on_note(f"{again}: {error}")
                if pause is None or self.stop.wait(pause):
                    raise StepFailure(
                        f"this machine failed the job: {error}; {attempt} attempts"
                    ) from error
            attempt += 1

    def _attempt(self, step: Json, record: StepRecord) -> StepRecord:
        directory = self.run.step_directory(record.name) / f"attempt-{record.attempts}"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        context = StepContext(
            name=record.name,
            step=self._settled(step),
            arguments=dict(record.arguments),
            job_name=self._job_name(step, record),
            execution_id=self.run.id,
            directory=directory,
            log=self.run.log_path(record.name),
            places=self.places,
            compiled=self.compiled,
            store=ObjectStore(self.places.buckets),
            sandbox=self.sandbox,
            python=self.python_of(self.originals.get(record.name, record.name)),
            stop=self.stop,
            network=self.options.network and not is_isolated(record.arguments),
            grace_seconds=self.options.grace_seconds,
            on_line=lambda line: self.on_line(record.name, line),
            stand_in=self._stand_in(record.name),
        )
        self._say(record)
        try:
            result = job_of(step)(context)
            warn_of_reports(context, result)
        except BaseException:
            record = replace(record, warnings=tuple(context.warnings))
            self.run.write_step(replace(record, metrics=tuple(context.metrics)))
            raise
        if not self.options.keep:
            shutil.rmtree(directory, ignore_errors=True)
        return replace(
            record,
            status=SUCCEEDED,
            result=result,
            metrics=tuple(context.metrics),
            warnings=tuple(context.warnings),
            reason=None,
        )

    def _job_name(self, step: Json, record: StepRecord) -> str:
        """Return a unique name: the prefix that the step gives its job, or the step's own."""
        arguments = record.arguments
        call = row_of(step).call
        member, longest = (call.name_member, call.longest_name) if call else (None, LONGEST_NAME)
        prefix = str(arguments.get(member or "", "") or record.name)
        is_short = longest < LONGEST_NAME
        run = self.run.id.rpartition("-")[2] if is_short else self.run.id
        tail = f"-{run}-{secrets.token_hex(2)}"
        return f"{prefix[: longest - len(tail)]}{tail}"


def is_isolated(arguments: Mapping[str, Any]) -> bool:
    """Tell whether a job's request asks for a container without a network."""
    places = (arguments, arguments.get("NetworkConfig"), arguments.get("TrainingJobDefinition"))
    return any(place.get("EnableNetworkIsolation") is True for place in places if place)


def warn_of_reports(context: StepContext, result: Mapping[str, Any]) -> None:
    """Warn of each property file that the job did not write, or that is not JSON."""
    outputs = result.get("ProcessingOutputConfig", {}).get("Outputs", {})
    for item in context.step.get("PropertyFiles", []):
        output = outputs.get(item["OutputName"], {}).get("S3Output")
        if output is None:
            continue
        try:
            read_report(context.store.path_of(f"{output['S3Uri'].rstrip('/')}/{item['FilePath']}"))
        except ValueError as error:
            place = f"{output['LocalPath'].rstrip('/')}/{item['FilePath']}"
            context.warn(f"the report {item['PropertyFileName']} ({place}) {error}")


def read_property_file(
    store: ObjectStore, steps: Mapping[str, Json], results: Mapping[str, Any]
) -> Callable[[str, str], Any]:
    """Return a reader of the property files that finished steps have written."""

    def read(step: str, name: str) -> Any:
        files = {item["PropertyFileName"]: item for item in steps[step].get("PropertyFiles", [])}
        if name not in files or step not in results:
            raise RunError(f"step '{step}' has no property file '{name}'")
        item = files[name]
        outputs = results[step]["ProcessingOutputConfig"]["Outputs"]
        uri = f"{outputs[item['OutputName']]['S3Output']['S3Uri'].rstrip('/')}/{item['FilePath']}"
        path = store.path_of(uri)
        try:
            return read_report(path)
        except ValueError as error:
            raise RunError(f"the property file {uri} {error}") from error

    return read


def _pause_before(attempt: int, policies: list[Json], elapsed: float) -> float | None:
    """Return the seconds to wait before an attempt, or None where no policy allows it."""
    for policy in policies:
        if MACHINE_FAULTS.intersection(policy.get("ExceptionType", [])):
            in_time = elapsed < 60 * float(policy.get("ExpireAfterMin", 0))
            if in_time or attempt - 1 <= int(policy.get("MaxAttempts", 0)):
                rate = float(policy.get("BackoffRate", 2.0))
                return float(policy.get("IntervalSeconds", 1)) * rate ** (attempt - 2)
    return None


def read_inputs(inputs: list[Stored], hashes: FileHashes) -> tuple[Mapping[str, Any], ...]:
    """Return the record of each input: `name`, `uri`, `files`, `size`, `sha256`, `listing`.

    `sha256` is None if the input has no objects or cannot be read, which fails no step; `listing` is a
    hash of names and sizes.
    """
    return tuple(_record(item, hashes) for item in inputs)


def _record(item: Stored, hashes: FileHashes) -> dict[str, Any]:
    try:
        sizes = [found.file.stat().st_size for found in item.objects]
        found = [hashes.sha256(one.file) for one in item.objects]
    except OSError:
        sizes, found = [], []
    base = item.uri.rstrip("/")
    names = [one.uri.removeprefix(base) for one in item.objects]
    lines = [f"{name}\0{size}\n" for name, size in zip(names, sizes, strict=False)]
    return {
        "name": item.name,
        "uri": item.uri,
        "files": len(sizes),
        "size": sum(sizes),
        "sha256": combined_hash(names, found),
        "listing": hashlib.sha256("".join(lines).encode()).hexdigest(),
    }
