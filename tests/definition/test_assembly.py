"""Compiled pipelines come back out of a cloud assembly as they went in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smp.definition.assembly import read_assembly, write_pipeline
from smp.definition.compiled import CompiledPipeline, StandIn
from smp.errors import SetupError
from tests.stacks.pipelines import code_tree, full_pipeline, processing_only


def write_manifest(directory: Path, artifacts: dict[str, Any]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))


def make(directory: Path, *pipelines: CompiledPipeline, assets: Path | None = None) -> Path:
    """Leave pipelines in an assembly with the template and the asset that a synthesis makes."""
    artifacts = {}
    for pipeline in pipelines:
        file = f"{pipeline.name}.template.json"
        artifacts[pipeline.name] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": file},
        }
        resource = {
            "Type": "AWS::SageMaker::Pipeline",
            "Properties": {"PipelineName": pipeline.name},
        }
        directory.mkdir(parents=True, exist_ok=True)
        (directory / file).write_text(json.dumps({"Resources": {"Pipeline": resource}}))
        asset = (assets or directory) / f"asset.{pipeline.name}"
        for tree in pipeline.code:
            for item in tree.files:
                target = asset / tree.sha256 / item.path
                target.parent.mkdir(parents=True, exist_ok=True)
                source = pipeline.code_store / tree.sha256 / item.path
                target.write_text("filled in" if item.is_template else source.read_text())
        write_pipeline(directory, pipeline)
    write_manifest(directory, artifacts)
    return directory


def stored(pipeline: CompiledPipeline) -> dict[str, bytes]:
    """Return every file of a pipeline's trees by its address."""
    return {
        f"{tree.sha256}/{file.path}": (pipeline.code_store / tree.sha256 / file.path).read_bytes()
        for tree in pipeline.local_code()
        for file in tree.files
    }


@pytest.fixture
def churn(tmp_path: Path) -> CompiledPipeline:
    """A pipeline with a template file in its code and a local stand-in."""
    store = tmp_path / "store"
    stand_in = StandIn("fit.py", code_tree(store, {"fit.py": "print('here')\n"}))
    return full_pipeline(store, stand_ins={"fit": stand_in})


@pytest.fixture
def assembly(tmp_path: Path, churn: CompiledPipeline) -> Path:
    return make(tmp_path / "cdk.out", churn, processing_only(tmp_path / "store"))


def test_pipelines_come_back_with_all_their_files(
    tmp_path: Path, assembly: Path, churn: CompiledPipeline
) -> None:
    read, prepare = read_assembly(assembly, tmp_path / "read")
    assert prepare.name == "prepare"
    assert read == replace(churn, code_store=tmp_path / "read")
    assert read.to_json() == churn.to_json()
    assert stored(read) == stored(churn)
    assert len(stored(read)) == 3


def test_an_assembly_may_be_moved_and_the_sources_gone(
    tmp_path: Path, assembly: Path, churn: CompiledPipeline
) -> None:
    files = stored(churn)
    moved = shutil.move(assembly, tmp_path / "elsewhere")
    shutil.rmtree(churn.code_store)
    read, _ = read_assembly(Path(moved), tmp_path / "read")
    assert stored(read) == files


def test_reading_changes_nothing_in_an_assembly(tmp_path: Path, assembly: Path) -> None:
    before = {path: path.read_bytes() for path in assembly.rglob("*") if path.is_file()}
    read_assembly(assembly, tmp_path / "read")
    assert {path: path.read_bytes() for path in assembly.rglob("*") if path.is_file()} == before


def test_a_pipeline_that_is_no_longer_in_the_assembly_is_not_read(
    tmp_path: Path, assembly: Path
) -> None:
    stale = processing_only(tmp_path / "store", "removed")
    write_pipeline(assembly, stale)
    names = [pipeline.name for pipeline in read_assembly(assembly, tmp_path / "read")]
    assert names == ["churn", "prepare"]


def test_stages_of_a_delivery_are_read_as_one_and_each(
    tmp_path: Path, churn: CompiledPipeline
) -> None:
    top = tmp_path / "cdk.out"
    stages = [make(top / f"assembly-{name}", churn, assets=top) for name in ("dev", "prod")]
    write_manifest(top, nested(*stages))
    for directory in (top, *stages):
        (read,) = read_assembly(directory, tmp_path / f"read-{directory.name}")
        assert stored(read) == stored(churn)


def nested(*stages: Path) -> dict[str, Any]:
    return {
        stage.name: {"type": "cdk:cloud-assembly", "properties": {"directoryName": stage.name}}
        for stage in stages
    }


def test_fails_where_stages_have_different_pipelines_of_one_name(
    tmp_path: Path, churn: CompiledPipeline
) -> None:
    top = tmp_path / "cdk.out"
    other = replace(churn, description="another")
    stages = [
        make(top / f"assembly-{name}", pipeline, assets=top)
        for name, pipeline in (("dev", churn), ("prod", other))
    ]
    write_manifest(top, nested(*stages))
    with pytest.raises(SetupError, match="pipeline 'churn' differs between two stages") as caught:
        read_assembly(top, tmp_path / "read")
    assert "hint: name the directory of one stage" in str(caught.value)


def spoil_code_address(assembly: Path) -> None:
    file = assembly / "pipelines" / "churn.json"
    file.write_text(file.read_text().replace("prep.py", "../../escaped.py"))


def artifacts(**properties: str) -> Callable[[Path], object]:
    nested = {"type": "cdk:cloud-assembly", "properties": properties}
    return lambda assembly: write_manifest(assembly, {"nested": nested})


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (
        lambda a: (a / "manifest.json").unlink(),
        "this directory is not a cloud assembly",
    ),
    "manifest of another kind": (lambda a: (a / "manifest.json").write_text("[]"), "JSON object"),
    "manifest cut off": (lambda a: (a / "manifest.json").write_text("{"), "is not JSON"),
    "artifacts of another kind": (
        lambda a: write_manifest(a, {"one": "text"}),
        "lists no artifacts",
    ),
    "an assembly in itself": (artifacts(directoryName="."), "an artifact's directoryName is '.'"),
    "an assembly outside": (
        artifacts(directoryName="../elsewhere"),
        "an artifact's directoryName is '../elsewhere'",
    ),
    "an assembly without a name": (artifacts(), "an artifact's directoryName is None"),
    "a template less": (
        lambda a: (a / "churn.template.json").unlink(),
        "the template of a stack is missing",
    ),
    "a pipeline less": (
        lambda a: (a / "pipelines" / "churn.json").unlink(),
        "the pipeline of a stack is missing",
    ),
    "a pipeline of another kind": (
        lambda a: (a / "pipelines" / "churn.json").write_text("{}"),
        "is not a compiled pipeline of this version",
    ),
    "a file less": (
        lambda a: next(a.glob("asset.churn/*/prep.py")).unlink(),
        "it lacks prep.py of scripts",
    ),
    "a file changed": (
        lambda a: next(a.glob("asset.churn/*/prep.py")).write_text("print('other')"),
        "it lacks prep.py of scripts",
    ),
    "code outside": (spoil_code_address, "names code outside the assembly"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_fails_for_an_assembly_that_is_not_whole(tmp_path: Path, assembly: Path, case: str) -> None:
    spoil, message = SPOILED[case]
    spoil(assembly)
    with pytest.raises(SetupError, match=message):
        read_assembly(assembly, tmp_path / "read")


def test_fails_for_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not a cloud assembly") as caught:
        read_assembly(tmp_path / "nowhere", tmp_path / "read")
    assert "hint: make one with: tools/cdk synth" in str(caught.value)
