"""The compiled pipelines of a cloud assembly: writes them next to the templates, and reads them back.

Code is copied out of an assembly into a code store; the assembly stays as it is.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeFile, CodeTree, CompiledPipeline
from smp.errors import Location, Problem, SetupError
from smp.text.atomic_file import write_atomically

MANIFEST = "manifest.json"
PIPELINES_DIRECTORY = "pipelines"
CODE_DIRECTORY = "code"
PIPELINE_TYPE = "AWS::SageMaker::Pipeline"
UNKNOWN = frozenset({"", "unknown-account", "unknown-region"})
SHA256 = re.compile(r"[0-9a-f]{64}")

NOT_AN_ASSEMBLY = "make one with: tools/cdk synth --quiet"


def write_pipeline(directory: Path, pipeline: CompiledPipeline) -> None:
    """Leave a compiled pipeline in an assembly, with the code files that are in no asset of it.

    An asset holds what is uploaded as it is: neither files in which values are filled in nor those of
    local stand-ins.
    """
    place = directory / PIPELINES_DIRECTORY
    place.mkdir(parents=True, exist_ok=True)
    uploaded = {tree.sha256 for tree in pipeline.code}
    for tree in pipeline.local_code():
        for file in tree.files:
            if file.is_template or tree.sha256 not in uploaded:
                target = place / CODE_DIRECTORY / tree.sha256 / file.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(pipeline.code_store / tree.sha256 / file.path, target)
    write_atomically(place / f"{pipeline.name}.json", pipeline.to_json(), durable=False)


def read_assembly(directory: Path, code_store: Path) -> tuple[CompiledPipeline, ...]:
    """Return the pipelines of an assembly and of those nested in it, by name, with their code.

    `code_store` is where their trees are put by content; one that is there is not read again. An
    assembly may have been moved, with everything in it. Raises SetupError for a directory that is no
    assembly of this app, or is not whole.
    """
    texts: dict[str, tuple[Path, str]] = {}
    for assembly in assemblies_in(directory):
        for name in _pipeline_names(assembly):
            file = assembly / PIPELINES_DIRECTORY / f"{name}.json"
            text = _read(file, "the pipeline of a stack is missing; another version made it")
            known = texts.setdefault(name, (file, text))
            if known[1] != text:
                raise _refused(
                    f"pipeline '{name}' differs between two stages: {known[0]} and {file}",
                    hint="name the directory of one stage",
                )
    reader = _CodeReader(_asset_directories(directory), CodeStore(code_store))
    return tuple(reader.read(*texts[name]) for name in sorted(texts))


def assemblies_in(directory: Path) -> Iterator[Path]:
    """Yield an assembly and those nested in it, which stages of a delivery are.

    Raises SetupError where there is none.
    """
    yield directory
    for _, artifact in _artifacts(directory, "cdk:cloud-assembly"):
        yield from assemblies_in(_inside(directory, artifact, "directoryName"))


def _artifacts(directory: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the artifacts of one kind in an assembly's manifest, by id."""
    file = directory / MANIFEST
    artifacts = _parsed(file, _read(file, "this directory is not a cloud assembly")).get(
        "artifacts"
    )
    if not isinstance(artifacts, dict) or not all(isinstance(a, dict) for a in artifacts.values()):
        raise _refused("lists no artifacts", file, hint=NOT_AN_ASSEMBLY)
    yield from ((name, each) for name, each in artifacts.items() if each.get("type") == kind)


def _inside(directory: Path, artifact: dict[str, Any], key: str) -> Path:
    """Return the path that an artifact names inside its assembly. Raises SetupError."""
    properties = artifact.get("properties")
    name = properties.get(key) if isinstance(properties, dict) else None
    if not isinstance(name, str) or len(PurePosixPath(name).parts) != 1 or name == "..":
        raise _refused(f"an artifact's {key} is {name!r}", directory / MANIFEST, NOT_AN_ASSEMBLY)
    return directory / name


@dataclass(frozen=True)
class AssemblyStack:
    """One stack of an assembly. Without account or region it goes to those of the caller."""

    name: str
    account: str | None
    region: str | None
    template: dict[str, Any]


def read_stacks(directory: Path) -> Iterator[AssemblyStack]:
    """Yield each stack of one assembly. Raises SetupError."""
    for artifact_id, artifact in _artifacts(directory, "aws:cloudformation:stack"):
        file = _inside(directory, artifact, "templateFile")
        place = str(artifact.get("environment", "")).removeprefix("aws://")
        account, _, region = place.partition("/")
        yield AssemblyStack(
            artifact["properties"].get("stackName", artifact_id),
            None if account in UNKNOWN else account,
            None if region in UNKNOWN else region,
            _parsed(file, _read(file, "the template of a stack is missing")),
        )


def _pipeline_names(assembly: Path) -> Iterator[str]:
    for stack in read_stacks(assembly):
        for resource in stack.template.get("Resources", {}).values():
            if resource.get("Type") == PIPELINE_TYPE:
                yield str(resource.get("Properties", {}).get("PipelineName"))


@dataclass(frozen=True)
class _CodeReader:
    """Finds the files of code trees in the assets of an assembly, and copies them into a store."""

    roots: tuple[Path, ...]
    store: CodeStore

    def read(self, file: Path, text: str) -> CompiledPipeline:
        try:
            pipeline = CompiledPipeline.from_json(text, self.store.root)
            trees = pipeline.local_code()
        except (ValueError, KeyError, TypeError) as error:
            raise _refused("is not a compiled pipeline of this version", file) from error
        for tree in trees:
            if not _is_safe(tree):
                raise _refused(f"names code outside the assembly: {tree.origin}", file)
            if not self.store.holds([tree]):
                self.store.put(tree, {item.path: self._bytes(tree, item) for item in tree.files})
        return pipeline

    def _bytes(self, tree: CodeTree, file: CodeFile) -> bytes:
        """Return a file by its hash: an asset also has files of the same name with values filled in."""
        for root in self.roots:
            path = root / tree.sha256 / file.path
            if path.is_file():
                data = path.read_bytes()
                if hashlib.sha256(data).hexdigest() == file.sha256:
                    return data
        raise _refused(
            f"the assembly is not whole: it lacks {file.path} of {tree.origin}",
            hint="copy it with its asset.* directories, or make it anew",
        )


def _asset_directories(directory: Path) -> tuple[Path, ...]:
    """Return what holds code trees; the assets of a nested assembly are in the one around it."""
    around = [directory, *_enclosing(directory.resolve())]
    found = [nested / PIPELINES_DIRECTORY / CODE_DIRECTORY for nested in assemblies_in(directory)]
    found += [path for place in around for path in sorted(place.glob("asset.*")) if path.is_dir()]
    return tuple(found)


def _enclosing(directory: Path) -> Iterator[Path]:
    for parent in directory.parents:
        if not (parent / MANIFEST).is_file():
            return
        yield parent


def _is_safe(tree: CodeTree) -> bool:
    paths = (PurePosixPath(file.path) for file in tree.files)
    inside = all(not path.is_absolute() and ".." not in path.parts for path in paths)
    return inside and SHA256.fullmatch(tree.sha256) is not None


def _read(file: Path, missing: str) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(missing, file, hint=NOT_AN_ASSEMBLY) from error


def _parsed(file: Path, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise _refused(f"is not JSON: {error}", file, hint=NOT_AN_ASSEMBLY) from error
    if not isinstance(value, dict):
        raise _refused("must be a JSON object", file, hint=NOT_AN_ASSEMBLY)
    return value


def _refused(reason: str, file: Path | None = None, hint: str | None = None) -> SetupError:
    return SetupError([Problem(reason, Location(str(file)) if file else None, hint=hint)])
