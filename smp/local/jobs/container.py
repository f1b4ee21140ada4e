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

from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline
from smp.errors import Problem, RunError
from smp.local.store.data_sources import CODE_URI, DataSources, is_code
from smp.local.store.object_store import ObjectStore, copy_file

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
        self._sources = DataSources(store, compiled)
        self._trees = {tree.sha256: tree for tree in compiled.local_code()}

    def fetch(
        self, source: Mapping[str, Any], directory: Path, shard: tuple[int, int] = (0, 1)
    ) -> int:
        """Copy an S3 data source (`S3Uri`, `S3DataType`, …); return how many files there were.

        `shard` is (index, count): with ShardedByS3Key each host gets every count-th object.
        """
        directory.mkdir(parents=True, exist_ok=True)
        if is_code(source):
            return self._fetch_code(str(source["S3Uri"]), directory)
        pairs = self._sources.objects(source)
        if source.get("S3DataDistributionType") == "ShardedByS3Key":
            index, count = shard
            pairs = pairs[index::count]
        for item, relative in pairs:
            copy_file(item.file, directory / relative)
        return len(pairs)

    def _fetch_code(self, uri: str, directory: Path) -> int:
        sha256, _, rest = uri.removeprefix(CODE_URI).partition("/")
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
                (directory / file.path).write_text(self._sources.filled(source), encoding="utf-8")
        return len(files)


def directories(opt_ml: Path, paths: Iterable[str]) -> None:
    """Make the directories that a container may write to."""
    for path in paths:
        inside(opt_ml, path).mkdir(parents=True, exist_ok=True)
