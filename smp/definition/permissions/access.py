"""What a compiled pipeline touches: data, images, keys and roles, read off its definition."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from smp.definition.compiled import CONTAINERS, CompiledPipeline, Json
from smp.definition.emr_jobs import EmrJob, emr_jobs
from smp.definition.language import is_expression, parameter_of
from smp.definition.model_lookups import Lookup, lookups_in
from smp.definition.step_types import (
    CLARIFY_CHECK,
    EMR_SERVERLESS,
    REGISTER_MODEL,
    StepType,
    row_named,
    row_of,
)

WRITTEN_UNDER = frozenset(
    {
        "CheckpointConfig",
        "DebugHookConfig",
        "OutputDataConfig",
        "ProcessingOutputConfig",
        "ProfilerConfig",
        "TensorBoardOutputConfig",
        "TransformOutput",
    }
)
"""Keys of job requests below which every S3 URI is written (botocore 1.44.5)."""

ROLE_KEYS = frozenset({"RoleArn", "ExecutionRoleArn"})
IMAGE_KEYS = frozenset({"Image", "ImageUri", "TrainingImage"})
KEY_KEYS = frozenset({"KmsKeyId", "VolumeKmsKeyId"})

Path = tuple[str, ...]


@dataclass(frozen=True)
class Access:
    """What a pipeline needs; every text holds deploy-time names as the definition has them.

    `reads` and `writes` are S3 addresses, none inside another. One that ends with `/` is everything
    below it; one that ends with `*` everything that begins so, because the rest is known only to the
    execution; another is one object, or everything below it as a directory. What a job writes, later
    steps of the pipeline read: `writes` is therefore also read.
    """

    step_types: frozenset[str]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    images: tuple[str, ...]
    roles: tuple[str, ...]
    kms_keys: tuple[str, ...]
    functions: tuple[str, ...]
    """ARNs of the functions that Lambda steps call."""
    lookups: tuple[Lookup, ...]
    """What the pipeline looks up in the model registry."""
    queues: tuple[str, ...]
    """URLs of the queues that Callback steps write to."""
    baseline_groups: tuple[str, ...]
    """Model package groups whose latest approved version brings a check's baseline."""
    supplied: tuple[str, ...]
    """Prefixes of baselines that checks are given by address, and files that versions name."""
    emr_jobs: tuple[EmrJob, ...]
    """Jobs on EMR Serverless, which have their own roles."""
    emr_logs: tuple[str, ...]
    """Prefixes of those jobs' logs."""
    invokes_endpoint: bool
    """Whether a check makes an endpoint of a model and asks it."""
    uses_network: bool
    """Whether a job runs in a VPC."""
    reads_results: bool
    """Whether the pipeline itself, not a job, reads what jobs wrote: property files, model registration."""


def analyse_access(pipeline: CompiledPipeline) -> Access:
    """Read off what a pipeline touches.

    Of a URI that is put together at run time only the part known before counts. A parameter counts with
    each of its allowed values. If it accepts any value, a URI ends before it, provided that the part
    before it includes the bucket. If it names the bucket itself, only its default is known. Manifest
    files are read from the code store.
    """
    parameters = {
        parameter["Name"]: parameter for parameter in pipeline.definition.get("Parameters", [])
    }
    leaves = [
        (path, text)
        for step in pipeline.steps()
        if not row_of(step).has_own_role
        for path, text in _texts({**_own_arguments(step), **_supplied(step)}, parameters)
    ]
    writes = [text for path, text in leaves if _is_s3(text) and WRITTEN_UNDER.intersection(path)]
    reads = [text for path, text in leaves if _is_s3(text) and not WRITTEN_UNDER.intersection(path)]
    reads += pointed_data(pipeline)
    lookups = lookups_in(pipeline.steps())
    reads += [uri for found in lookups for uri in found.artifacts]
    images = {*_under(leaves, IMAGE_KEYS), *(uri for found in lookups for uri in found.images)}
    checks = [step for step in pipeline.steps() if row_of(step).compares_baselines]
    types = frozenset(step["Type"] for step in pipeline.steps())
    return Access(
        step_types=types,
        reads=_shortest(reads),
        writes=_shortest(writes),
        images=tuple(sorted(images)),
        roles=_under(leaves, ROLE_KEYS),
        kms_keys=_under(leaves, KEY_KEYS),
        functions=tuple(sorted({s["FunctionArn"] for s in pipeline.steps() if "FunctionArn" in s})),
        lookups=lookups,
        queues=tuple(sorted({s["SqsQueueUrl"] for s in pipeline.steps() if "SqsQueueUrl" in s})),
        baseline_groups=tuple(
            sorted({s["ModelPackageGroupName"] for s in checks if "ModelPackageGroupName" in s})
        ),
        supplied=_shortest(
            text
            for s in pipeline.steps()
            for _, text in _texts({**_supplied(s), **_registered_files(s)}, parameters)
            if _is_s3(text)
        ),
        emr_jobs=emr_jobs(pipeline.steps()),
        emr_logs=_shortest(_emr_logs(pipeline, parameters)),
        invokes_endpoint=any("ModelName" in step for step in checks),
        uses_network=any("VpcConfig" in path for path, _ in leaves),
        reads_results=any(_reads_results(row_named(name)) for name in types)
        or any(step.get("PropertyFiles") for step in pipeline.steps()),
    )


def written_uris(step: Json, parameters: Json) -> tuple[str, ...]:
    """Return the S3 URIs that a step's job writes below; one that is not known whole ends in `*`."""
    texts = [*_texts(_own_arguments(step), parameters)]
    found = [text for path, text in texts if WRITTEN_UNDER.intersection(path)]
    if step["Type"] == EMR_SERVERLESS.name:
        found += [text for path, text in texts if path[-1:] == ("logUri",)]
    return tuple(dict.fromkeys(text for text in found if _is_s3(text)))


def _reads_results(row: StepType) -> bool:
    return row is REGISTER_MODEL or row.compares_baselines


def _emr_logs(pipeline: CompiledPipeline, parameters: Json) -> Iterator[str]:
    for step in pipeline.steps():
        if step["Type"] == EMR_SERVERLESS.name:
            texts = _texts(step["Arguments"], parameters)
            yield from (text for path, text in texts if path[-1] == "logUri" and _is_s3(text))


def _supplied(step: Json) -> Json:
    """Return the baselines that a check is given by address; its job reads them, too."""
    return {key: value for key, value in step.items() if key.startswith("SuppliedBaseline")}


def _registered_files(step: Json) -> Json:
    """Return the files of the pipeline's own that a version is registered with."""
    baselines = step.get("Arguments", {}).get("DriftCheckBaselines", {})
    return {kind: one["ConfigFile"] for kind, one in baselines.items() if "ConfigFile" in one}


def _own_arguments(step: Json) -> Any:
    """Return a step's arguments without the steps nested in them, which count for themselves."""
    arguments = step.get("Arguments", {})
    return {key: value for key, value in arguments.items() if key not in CONTAINERS}


def _texts(value: Any, parameters: Json, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each text with the keys above it; an expression yields what is known of it."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item, parameters, path)
    elif isinstance(value, dict):
        if is_expression(value):
            yield from ((path, str(start)) for start in _known(value, parameters) if start.text)
            return
        for key, item in value.items():
            yield from _texts(item, parameters, (*path, key))


@dataclass(frozen=True)
class _Start:
    """What is known of a text before it is put together, and whether that is all of it."""

    text: str = ""
    complete: bool = True

    def __str__(self) -> str:
        """Return it as a resource: with `*` where more follows in the same segment of an S3 address."""
        is_open = not self.complete and self.names_bucket and not self.text.endswith("/")
        return f"{self.text}*" if is_open else self.text

    @property
    def names_bucket(self) -> bool:
        return _is_s3(self.text) and "/" in self.text.removeprefix("s3://")


MAX_STARTS = 64
"""Above this many combinations of allowed values, the part before the last of them counts."""


def _known(value: Any, parameters: Json) -> list[_Start]:
    """Return what is known of an expression: one beginning for each value that is known."""
    if not isinstance(value, dict):
        return [_Start(str(value))]
    if "Std:Join" not in value:
        return _known_value(value, parameters)
    joined = value["Std:Join"]
    starts = [_Start()]
    for index, item in enumerate(joined["Values"]):
        separator = joined["On"] if index else ""
        starts = [
            following
            for start in starts
            for following in _extended(start, separator, item, parameters, len(starts))
        ]
    return list(dict.fromkeys(starts))


def _extended(
    start: _Start, separator: str, item: Any, parameters: Json, count: int
) -> list[_Start]:
    """Return a beginning with one more item, in each of the ways that are known."""
    if not start.complete:
        return [start]
    before = start.text + separator
    values = _known(item, parameters)
    is_open = isinstance(item, dict) and not _allowed(item, parameters)
    too_many = len(values) > 1 and count * len(values) > MAX_STARTS
    if (is_open or too_many) and _Start(before).names_bucket:
        return [_Start(before, complete=False)]
    return [_Start(before + value.text, value.complete) for value in values]


def _known_value(reference: Json, parameters: Json) -> list[_Start]:
    """Return the values of a parameter: those allowed, else its default, else nothing."""
    allowed = _allowed(reference, parameters)
    if allowed:
        return [_Start(str(value)) for value in allowed]
    default = _parameter(reference, parameters).get("DefaultValue")
    return [_Start(complete=False) if default is None else _Start(str(default))]


def _allowed(reference: Json, parameters: Json) -> list[Any]:
    allowed: list[Any] = _parameter(reference, parameters).get("EnumValues", [])
    return allowed


def _parameter(reference: Json, parameters: Json) -> Json:
    found: Json = parameters.get(parameter_of(reference) or "", {})
    return found


def _under(leaves: Iterable[tuple[Path, str]], keys: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted({text for path, text in leaves if path and path[-1] in keys}))


def _is_s3(text: str) -> bool:
    return text.startswith("s3://") and len(text) > len("s3://")


def _shortest(uris: Iterable[str]) -> tuple[str, ...]:
    """Return the URIs sorted, without those that another one begins."""
    kept: list[str] = []
    settled = {uri if "/" in uri[len("s3://") :] else f"{uri}/" for uri in uris}
    for uri in sorted(settled):
        if not any(_holds(other, uri) for other in settled - {uri}):
            kept.append(uri)
    return tuple(kept)


def _holds(outer: str, uri: str) -> bool:
    """Whether an address is inside another, or is the same with less below it."""
    if outer.endswith(("*", "/")):
        return uri.startswith(outer.removesuffix("*"))
    return uri.startswith(f"{outer}/")


CODE_OBJECT = re.compile(r"^s3://\$\{smp:bucket\}/code/(?P<sha256>[0-9a-f]{64})/(?P<path>.+)$")


def pointed_data(pipeline: CompiledPipeline) -> list[str]:
    """Return the S3 URIs of the data that such files name, with deploy-time names."""
    prefixes: list[str] = []
    for head, *names in _contents(pipeline, _manifests(pipeline.definition["Steps"])):
        prefixes += [head["prefix"] + name for name in names]
    for analysis in _contents(pipeline, _analyses(pipeline)):
        baseline = analysis["methods"].get("shap", {}).get("baseline")
        prefixes += [baseline] if isinstance(baseline, str) else []
    return prefixes


def _contents(pipeline: CompiledPipeline, uris: Iterable[str]) -> Iterator[Any]:
    """Yield the content of each file that is part of the pipeline's code."""
    for match in map(CODE_OBJECT.match, uris):
        if match:
            file = pipeline.code_store / match["sha256"] / match["path"]
            yield json.loads(file.read_text("utf-8"))


def _manifests(value: Any) -> Iterator[str]:
    """Yield the URI of each input that is a list of objects instead of data."""
    if isinstance(value, dict):
        if value.get("S3DataType") == "ManifestFile" and isinstance(value.get("S3Uri"), str):
            yield value["S3Uri"]
        for item in value.values():
            yield from _manifests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _manifests(item)


def _analyses(pipeline: CompiledPipeline) -> Iterator[str]:
    """Yield the URI of each configuration of an analysis by SageMaker Clarify."""
    for step in pipeline.steps():
        inputs = step["Arguments"]["ProcessingInputs"] if row_of(step) is CLARIFY_CHECK else []
        yield from (
            item["S3Input"]["S3Uri"] for item in inputs if item["InputName"] == "analysis_config"
        )
