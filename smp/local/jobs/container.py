"""Lays out what a container finds: `/opt/ml` with its inputs, configuration files and places to write.

Source: "How Amazon SageMaker Provides Training Information" and "How Amazon SageMaker Processing
Configures Input and Output" in the developer guide.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smp.definition.compiled import CODE_PREFIX, CodeFile, CodeTree, CompiledPipeline
from smp.definition.deploy_values import substitute
from smp.errors import Problem, RunError
from smp.local.store.object_store import ObjectStore, S3Object, copy_file
from smp.local.store.places import BUCKET, local_value

OPT_ML = "/opt/ml"


def host_names(count: int) -> tuple[str, ...]:
    """Return the names of a job's hosts: algo-1, algo-2, …"""
    return tuple(f"algo-{number}" for number in range(1, count + 1))


def inside(opt_ml: Path, path: str) -> Path:
    """Return the place on this machine for a path in the container; raises RunError.

    It must be below /opt/ml, and no link that a job made may lead out of there.
    """
    relative = Path(path)
    if not relative.is_relative_to(OPT_ML) or ".." in relative.parts:
        raise RunError(f"{path} is not below {OPT_ML}, the only place that jobs here can write to")
    place = opt_ml / relative.relative_to(OPT_ML)
    if not place.resolve().is_relative_to(opt_ml.resolve()):
        raise RunError(f"{path} is a link to {place.resolve()}, out of the job's directory")
    return place


def write_json(path: Path, value: Any) -> None:
    """Write one of the files that a container reads its configuration from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def resource_config(host: str, hosts: Sequence[str], instance_type: str) -> dict[str, Any]:
    """Return the content of resourceconfig.json."""
    return {
        "current_host": host,
        "current_instance_type": instance_type,
        "current_group_name": "homogeneousCluster",
        "hosts": list(hosts),
        "instance_groups": [
            {
                "instance_group_name": "homogeneousCluster",
                "instance_type": instance_type,
                "hosts": list(hosts),
            }
        ],
        "network_interface_name": "lo",
    }


class Inputs:
    """Copies what a job reads into its directories: code from the code store, the rest from S3."""

    def __init__(self, store: ObjectStore, compiled: CompiledPipeline) -> None:
        self.store = store
        self.compiled = compiled
        self._trees = {tree.sha256: tree for tree in compiled.local_code()}

    def fetch(
        self, source: Mapping[str, Any], directory: Path, shard: tuple[int, int] = (0, 1)
    ) -> int:
        """Copy an S3 data source (`S3Uri`, `S3DataType`, …); return how many files there were.

        `shard` is (index, count): with ShardedByS3Key each host gets every count-th object.
        """
        uri = str(source["S3Uri"])
        directory.mkdir(parents=True, exist_ok=True)
        if self._is_code(uri) and source.get("S3DataType") != "ManifestFile":
            return self._fetch_code(uri, directory)
        pairs = (
            self._manifest(uri) if source.get("S3DataType") == "ManifestFile" else self._prefix(uri)
        )
        if source.get("S3DataDistributionType") == "ShardedByS3Key":
            index, count = shard
            pairs = pairs[index::count]
        for item, relative in pairs:
            copy_file(item.file, directory / relative)
        return len(pairs)

    def _is_code(self, uri: str) -> bool:
        return uri.startswith(f"s3://{BUCKET}/{CODE_PREFIX}/")

    def _fetch_code(self, uri: str, directory: Path) -> int:
        sha256, _, rest = uri.removeprefix(f"s3://{BUCKET}/{CODE_PREFIX}/").partition("/")
        return self._place(
            [f for f in self._trees[sha256].files if f.path.startswith(rest)], sha256, directory
        )

    def place_tree(self, tree: CodeTree, directory: Path) -> None:
        """Copy a whole code tree, also one that the definition does not refer to."""
        self._place(tree.files, tree.sha256, directory)

    def _place(self, files: Sequence[CodeFile], sha256: str, directory: Path) -> int:
        for file in files:
            source = self.compiled.code_store / sha256 / file.path
            copy_file(source, directory / file.path)
            if hashlib.sha256((directory / file.path).read_bytes()).hexdigest() != file.sha256:
                hint = f"remove {self.compiled.code_store / sha256} and run the pipeline again"
                raise RunError([Problem(f"{source} was changed after it was packed", hint=hint)])
            if file.is_template:
                (directory / file.path).write_text(self._filled(source), encoding="utf-8")
        return len(files)

    def _filled(self, template: Path) -> str:
        text = template.read_text(encoding="utf-8")
        filled = substitute(text, lambda name: local_value(name, self.compiled))
        assert isinstance(filled, str)
        return filled

    def _prefix(self, uri: str) -> list[tuple[S3Object, str]]:
        objects = self.store.list(uri)
        if not objects:
            raise RunError(f"there is no object under {uri}; put some there with `smp s3 put`")
        base = uri if uri.endswith("/") else f"{uri}/"
        parent = uri.rpartition("/")[0] + "/"
        return [
            (item, item.uri.removeprefix(base if item.uri.startswith(base) else parent))
            for item in objects
        ]

    def _manifest(self, uri: str) -> list[tuple[S3Object, str]]:
        """Read a manifest: its first item has the prefix, the others are objects below it."""
        if self._is_code(uri):
            sha256, _, path = uri.removeprefix(f"s3://{BUCKET}/{CODE_PREFIX}/").partition("/")
            text = self._filled(self.compiled.code_store / sha256 / path)
        else:
            text = self._only(uri).file.read_text(encoding="utf-8")
        try:
            head, *entries = json.loads(text)
            prefix = str(head["prefix"])
        except (ValueError, TypeError, KeyError) as error:
            raise RunError(f"{uri} is not a manifest: {error}") from error
        return [(self._only(f"{prefix}{entry}"), str(entry)) for entry in entries]

    def _only(self, uri: str) -> S3Object:
        for item in self.store.list(uri):
            if item.uri == uri:
                return item
        raise RunError(f"there is no object {uri}; put it there with `smp s3 put`")


def directories(opt_ml: Path, paths: Iterable[str]) -> None:
    """Make the directories that a container may write to."""
    for path in paths:
        inside(opt_ml, path).mkdir(parents=True, exist_ok=True)
