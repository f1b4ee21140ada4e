"""What a step read and what it wrote: names, URIs, the files behind them, their size and hash.

Hashes are of the files as they lie there now, a prefix's by the names below it; `changed_since`
says when they are younger than the step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from typing import Any

from smp.definition.compiled import CodeTree, CompiledPipeline
from smp.definition.notebook_jobs import is_notebook_job
from smp.errors import RunError
from smp.local.store.data_sources import CODE_URI, DataSources, is_code, is_manifest
from smp.local.store.object_store import ObjectStore, S3Object
from smp.local.store.places import Places
from smp.local.store.run_store import StepRecord

MAX_HASHED_BYTES = 256 * 1000 * 1000
"""What is larger is shown without a hash, so that a report never takes long."""


@dataclass(frozen=True)
class Stored:
    """An object, or all objects of a prefix, that a step read or wrote."""

    name: str
    """As the definition calls it: a channel, an input, an output."""
    uri: str
    path: Path
    """The file, or the directory of the prefix."""
    objects: tuple[S3Object, ...] = ()

    @property
    def size(self) -> int:
        return sum(item.file.stat().st_size for item in self.objects)

    @property
    def sha256(self) -> str | None:
        """The one file's hash, or one over the names and hashes of all; None where that is too much."""
        if not self.objects or self.size > MAX_HASHED_BYTES:
            return None
        base = self.uri.rstrip("/")
        names = [item.uri.removeprefix(base) for item in self.objects]
        return combined_hash(names, [hash_of(item.file) for item in self.objects])

    def changed_since(self, moment: float | None) -> bool:
        """Whether any object was written after that moment."""
        if moment is None:
            return False
        return any(item.file.stat().st_mtime > moment for item in self.objects)


class StepData:
    """Reads what the steps of one run read and wrote."""

    def __init__(self, compiled: CompiledPipeline, places: Places) -> None:
        self._trees = {tree.sha256: tree for tree in compiled.code}
        self._stand_ins = compiled.stand_ins
        self._store = ObjectStore(places.buckets)
        self._sources = DataSources(self._store, compiled)
        self._code = places.code

    def outputs(self, step: StepRecord) -> list[Stored]:
        """Return what a step wrote, as its result says."""
        return [self.find(name, uri) for name, uri in output_uris(step.result)]

    def inputs(self, step: StepRecord) -> list[Stored]:
        """Return the data that a step was to read, without code."""
        return [
            self._read(name, source)
            for name, source in _input_sources(step.arguments)
            if not is_code(source)
        ]

    def code(self, step: StepRecord) -> list[CodeTree]:
        """Return the code trees that a step was to read; for a stand-in, its own."""
        if step.stand_in and step.name in self._stand_ins:
            return [self._stand_ins[step.name].code]
        hashes = [
            str(source["S3Uri"]).removeprefix(CODE_URI).partition("/")[0]
            for _, source in _input_sources(step.arguments)
            if str(source["S3Uri"]).startswith(CODE_URI)
        ]
        return [self._trees[sha256] for sha256 in dict.fromkeys(hashes) if sha256 in self._trees]

    def code_directory(self, tree: CodeTree) -> Path:
        """Return where the files of a code tree lie."""
        return self._code / tree.sha256

    def _read(self, name: str, source: Mapping[str, Any]) -> Stored:
        """Look up all objects that a job gets from a source; one that cannot be read has none.

        What a manifest lists is shown under the prefix that all of it has.
        """
        uri = str(source["S3Uri"])
        try:
            objects = tuple(item for item, _ in self._sources.objects(source))
            if is_manifest(source):
                names = [item.uri for item in objects]
                uri = f"{commonprefix(names).rpartition('/')[0]}/"  # noqa: RUF071  the name is cut at a /
            return Stored(name, uri, self._store.path_of(uri), objects)
        except (RunError, OSError, ValueError):
            return Stored(name, uri, self._store.root)

    def find(self, name: str, uri: str) -> Stored:
        """Look up an object or prefix; one that cannot be in the store has no objects."""
        try:
            path = self._store.path_of(uri)
            below = self._store.list(uri)
        except (RunError, NotADirectoryError):
            return Stored(name, uri, self._store.root)
        base = uri.rstrip("/")
        exact = [item for item in below if item.uri == base or item.uri.startswith(f"{base}/")]
        return Stored(name, uri, path, tuple(exact or below))


def output_uris(result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and URI of what a step wrote, from its Describe answer; of trials the best one's model."""
    if is_notebook_job({"Type": "Training", "Arguments": result}):
        place = (
            f"{result['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{result['TrainingJobName']}"
        )
        yield "notebook", f"{place}/output/output.tar.gz"
    model = result.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if isinstance(model, str):
        yield "model", model
    best = result.get("BestTrainingJob", {}).get("TrainingJobName")
    tuned = result.get("TrainingJobDefinition", {}).get("OutputDataConfig", {}).get("S3OutputPath")
    if best is not None and isinstance(tuned, str):
        yield "best model", f"{tuned.rstrip('/')}/{best}/output/model.tar.gz"
    outputs = result.get("ProcessingOutputConfig", {}).get("Outputs", {})
    listed = outputs.values() if isinstance(outputs, Mapping) else outputs
    for output in listed:
        uri = output.get("S3Output", {}).get("S3Uri")
        if isinstance(uri, str):
            yield str(output.get("OutputName", "output")), uri
    transformed = result.get("TransformOutput", {}).get("S3OutputPath")
    if isinstance(transformed, str):
        yield "transform output", transformed


def _input_sources(arguments: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and S3 source of each channel, input and model artifact of a request."""
    for channel in arguments.get("InputDataConfig", []):
        source = channel.get("DataSource", {}).get("S3DataSource")
        yield from _source(channel["ChannelName"], source)
    for item in arguments.get("ProcessingInputs", []):
        yield from _source(item["InputName"], item.get("S3Input"))
    transform = arguments.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource")
    yield from _source("transform input", transform)
    containers = [
        arguments.get("PrimaryContainer"),
        *arguments.get("Containers", []),
        *arguments.get("InferenceSpecification", {}).get("Containers", []),
    ]
    for container in filter(None, containers):
        yield from _source("model", {"S3Uri": container.get("ModelDataUrl")})
        yield from _source("model", container.get("ModelDataSource", {}).get("S3DataSource"))
    for definition in (
        arguments.get("TrainingJobDefinition", {}),
        *arguments.get("TrainingJobDefinitions", []),
    ):
        yield from _input_sources(definition) if definition else ()


def _source(name: str, source: Mapping[str, Any] | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if source is not None and isinstance(source.get("S3Uri"), str):
        yield name, source


def combined_hash(names: Sequence[str], hashes: Sequence[str]) -> str | None:
    """Return the one file's hash, or one over the names and hashes of all; None where there is none."""
    if len(hashes) < 2:
        return hashes[0] if hashes else None
    lines = [f"{name}\0{value}\n" for name, value in zip(names, hashes, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def hash_of(file: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
