"""Hand-made pipelines that really run: small definitions with scripts of the standard library only."""

from __future__ import annotations

import hashlib
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline, Json
from smp.definition.parameters import parameter_values
from smp.local.engine.run import Machine, resume_run, start_run
from smp.local.engine.step_runner import RunOptions
from smp.local.sandbox.base import Sandbox
from smp.local.store.object_store import ObjectStore
from smp.local.store.places import Places
from smp.local.store.run_store import Run, RunRecord, RunStore, StepRecord

BUCKET = "s3://smp-local"
CODE = "/opt/ml/processing/input/code"
PYTHON = Path(sys.executable).parent
ROLE = "arn:aws:iam::000000000000:role/test"


@dataclass
class Heard:
    """What a listener heard, in order."""

    changes: list[StepRecord] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    finished: list[RunRecord] = field(default_factory=list)

    def run_started(self, run: RunRecord, done: Mapping[str, StepRecord]) -> None:
        pass

    def step_changed(self, record: StepRecord) -> None:
        self.changes.append(record)

    def log_line(self, step: str, line: str) -> None:
        self.lines.append((step, line))

    def note(self, text: str) -> None:
        self.notes.append(text)

    def run_finished(self, record: RunRecord) -> None:
        self.finished.append(record)


@dataclass
class Workspace:
    """A place for runs, the pipelines in it and what happened."""

    root: Path
    sandbox: Sandbox
    heard: Heard = field(default_factory=Heard)
    code: dict[str, CodeTree] = field(default_factory=dict)
    python: Path = PYTHON

    @property
    def places(self) -> Places:
        return Places(self.root / ".smp")

    @property
    def store(self) -> ObjectStore:
        return ObjectStore(self.places.buckets)

    def put(self, key: str, content: str | bytes) -> str:
        """Put an object into the bucket and return its URI."""
        source = self.root / "object"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        self.store.put(source, f"{BUCKET}/{key}")
        return f"{BUCKET}/{key}"

    def read(self, key: str) -> str:
        return self.store.path_of(f"{BUCKET}/{key}").read_text()

    def keys(self, prefix: str) -> list[str]:
        """Return the keys under a prefix, without it."""
        base = f"{BUCKET}/{prefix}"
        return [item.uri.removeprefix(base) for item in self.store.list(base)]

    def script(self, text: str, *, template: bool = False, name: str = "script.py") -> str:
        """Put a script into the code store and return the URI of its tree."""
        content = textwrap.dedent(text).encode()
        sha256 = hashlib.sha256(content + name.encode()).hexdigest()
        path = self.places.code / sha256 / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        file = CodeFile(name, len(content), hashlib.sha256(content).hexdigest(), template)
        self.code[sha256] = CodeTree(sha256, (file,), "test")
        return f"s3://${{smp:bucket}}/code/{sha256}/"

    def processing(self, name: str, script: str, **options: Any) -> Json:
        """A Processing step that runs a Python script, see `processing`."""
        template = options.pop("template", False)
        code = {"code": self.script(script, template=template)}
        inputs = {**code, **options.pop("inputs", {})}
        return processing(name, ["python3", f"{CODE}/script.py"], inputs=inputs, **options)

    def training(self, name: str, script: str, **options: Any) -> Json:
        """A Training step that runs a Python script from its channel `code`, see `training`."""
        channels = {"code": self.script(script), **options.pop("channels", {})}
        return training(
            name, ["python3", "/opt/ml/input/data/code/script.py"], channels=channels, **options
        )

    def pipeline(
        self, *steps: Json, name: str = "test-pipeline", parameters: Iterable[Json] = ()
    ) -> CompiledPipeline:
        return CompiledPipeline(
            name=name,
            definition={
                "Version": "2020-12-01",
                "Metadata": {},
                "Parameters": list(parameters),
                "Steps": list(steps),
            },
            code=tuple(self.code.values()),
            code_store=self.places.code,
        )

    def run(
        self,
        compiled: CompiledPipeline,
        given: Mapping[str, str] | None = None,
        *,
        only: str | None = None,
        start: str | None = None,
        **options: Any,
    ) -> Run:
        """Run a pipeline and return what is on disk of it."""
        record = start_run(
            compiled,
            self.machine(**options),
            parameters=parameter_values(compiled.definition, given or {}),
            only=only,
            start=start,
        )
        return RunStore(self.places.runs).get(record.id)

    def resume(self, run: Run, **options: Any) -> Run:
        resume_run(run, self.machine(**options))
        return run

    def machine(self, **options: Any) -> Machine:
        return Machine(
            places=self.places,
            options=RunOptions(**{"jobs": 2, "grace_seconds": 0.5, **options}),
            sandbox=self.sandbox,
            python_of=lambda _: self.python,
            listener=self.heard,
        )


def statuses(run: Run) -> dict[str, str]:
    return {record.name: record.status for record in run.steps()}


def step_of(run: Run, name: str) -> StepRecord:
    record = run.step(name)
    assert record is not None
    return record


def log_of(run: Run, name: str) -> str:
    return run.log_path(name).read_text(errors="replace")


def processing(
    name: str,
    command: Sequence[str] = ("/bin/sh", "-c", "true"),
    *,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, Any] | None = None,
    depends: Sequence[Any] = (),
    arguments: Sequence[Any] = (),
    environment: Mapping[str, Any] | None = None,
    limit: int | None = None,
    instances: int = 1,
    **members: Any,
) -> Json:
    """A Processing step. `inputs` and `outputs` map names to URIs or to S3 inputs and outputs."""
    request: Json = {
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": instances,
                "InstanceType": "ml.m5.large",
                "VolumeSizeInGB": 1,
            }
        },
        "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": list(command)},
        "RoleArn": ROLE,
        "ProcessingInputs": [_input(key, value) for key, value in (inputs or {}).items()],
    }
    if arguments:
        request["AppSpecification"]["ContainerArguments"] = list(arguments)
    if outputs:
        request["ProcessingOutputConfig"] = {
            "Outputs": [_output(key, value) for key, value in outputs.items()]
        }
    if environment:
        request["Environment"] = dict(environment)
    if limit is not None:
        request["StoppingCondition"] = {"MaxRuntimeInSeconds": limit}
    return _step(name, "Processing", request, depends, members)


def training(
    name: str,
    command: Sequence[str],
    *,
    channels: Mapping[str, Any] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    metrics: Mapping[str, str] | None = None,
    depends: Sequence[Any] = (),
    limit: int = 60,
    request: Mapping[str, Any] | None = None,
    **members: Any,
) -> Json:
    """A Training step. `channels` maps names to URIs or S3 data sources; `metrics` names to regexes."""
    definitions = [{"Name": key, "Regex": regex} for key, regex in (metrics or {}).items()]
    arguments: Json = {
        "AlgorithmSpecification": {
            "TrainingImage": "image:1",
            "TrainingInputMode": "File",
            "ContainerEntrypoint": list(command),
            **({"MetricDefinitions": definitions} if definitions else {}),
        },
        **({"InputDataConfig": [_channel(*item) for item in channels.items()]} if channels else {}),
        "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/models"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 1,
        },
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": limit},
        **({"HyperParameters": dict(hyperparameters)} if hyperparameters else {}),
        **(request or {}),
    }
    return _step(name, "Training", arguments, depends, members)


def condition(
    name: str,
    conditions: Sequence[Json],
    *,
    yes: Sequence[Json] = (),
    no: Sequence[Json] = (),
    depends: Sequence[Any] = (),
) -> Json:
    request = {"Conditions": list(conditions), "IfSteps": list(yes), "ElseSteps": list(no)}
    return _step(name, "Condition", request, depends, {})


def fail(name: str, message: Any, depends: Sequence[Any] = ()) -> Json:
    return _step(name, "Fail", {"ErrorMessage": message}, depends, {})


def greater(left: Any, right: Any) -> Json:
    return {"Type": "GreaterThan", "LeftValue": left, "RightValue": right}


def cached(expires: str = "P30d") -> Json:
    return {"CacheConfig": {"Enabled": True, "ExpireAfter": expires}}


def _step(
    name: str, kind: str, request: Json, depends: Sequence[Any], members: Mapping[str, Any]
) -> Json:
    waits = {"DependsOn": list(depends)} if depends else {}
    return {"Name": name, "Type": kind, "Arguments": request, **waits, **members}


def _input(name: str, value: Any) -> Json:
    given = value if isinstance(value, dict) and "S3Uri" in value else {"S3Uri": value}
    defaults = {
        "LocalPath": f"/opt/ml/processing/input/{name}",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
    }
    return {"InputName": name, "S3Input": {**defaults, **given}}


def _output(name: str, value: Any) -> Json:
    given = value if isinstance(value, dict) and "S3Uri" in value else {"S3Uri": value}
    defaults = {"LocalPath": f"/opt/ml/processing/output/{name}", "S3UploadMode": "EndOfJob"}
    return {"OutputName": name, "S3Output": {**defaults, **given}}


def _channel(name: str, value: Any) -> Json:
    given = value if isinstance(value, dict) and "S3Uri" in value else {"S3Uri": value}
    return {
        "ChannelName": name,
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", **given}},
    }
