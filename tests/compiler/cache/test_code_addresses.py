"""A pipeline of which only scripts changed gets other addresses: the same bytes as compiling it anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smp.compiler.cache.code_addresses import with_trees
from smp.compiler.cache.compile_all import Inputs, inputs_of, renewed
from smp.compiler.cache.exchange import Outcome
from smp.compiler.cache.reads import note_reads
from smp.compiler.cache.store import Kept
from smp.compiler.compile import compile_pipeline
from smp.compiler.worker import compile_one
from smp.config.load import load_project
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CompiledPipeline
from smp.graph import PipelineGraph, build_graph
from tests.compiler.compiling import ROOT
from tests.graph.workspace import DIRECTORY, IMAGE, load, pipeline_of, write

NOTED = note_reads()
BUNDLED = (
    "churn-batch",
    "churn-lightgbm",
    "housing",
    "summarization-llm",
    "video-recommender",
)
NOTEBOOK = (
    f"report: NotebookJob, input_notebook: nb/report.ipynb, image_uri: '{IMAGE}', "
    "kernel_name: python3, additional_dependencies: [lib]"
)
EMR = (
    "job: EMRServerless, application_id: 00f1abcd, execution_role: spark, "
    "spark: {entry_point: preprocess.py, py_files: [lib/a.py]}"
)
SPARK = (
    "{framework: spark, framework_version: '3.5', entry_point: preprocess.py, "
    "spark: {py_files: [lib/a.py]}, channels: train}"
)
ALGORITHM = f"{{image_uri: {IMAGE}, local_stand_in: local/fit.py, hyperparameters: {{k: 3}}}}"
TUNE = (
    "{objective: {metric: 'validation:auc', type: Maximize}, max_jobs: 2, max_parallel_jobs: 1, "
    "ranges: {depth: {type: integer, min: 1, max: 3}}}"
)
METRIC = (
    f"{{image_uri: {IMAGE}, entry_point: train.py, "
    "metric_definitions: [{Name: 'validation:auc', Regex: 'auc=(.*)'}]}"
)
REPACK = f'{{ModelRepack: "True", InferenceSpecification: {{image_uri: {IMAGE}}}}}'
REGISTER = "fit: Training\nregister: RegisterModel\n"
PIPELINES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "every class of job": ("prep: Processing\nfit: Training, chain_input_source_step: prep\n", {}),
    "two models of one directory": ("prep: Processing\n@other\nfit: Training\n", {}),
    "a notebook": (NOTEBOOK, {}),
    "a notebook beside a training": (f"{NOTEBOOK}\nfit: Training\n", {}),
    "an EMR job": (EMR, {}),
    "Spark": ("prep: Processing", {"demo__preprocess": SPARK}),
    "a stand-in": ("prep: Processing\nfit: Training\n", {"demo__train": ALGORITHM}),
    "a stand-in of a function": ("ask: Lambda, function: ask, local_stand_in: local/fit.py", {}),
    "a search": ("fit: Tuning", {"demo__train": METRIC, "demo__tune": TUNE}),
    "a packed model": (REGISTER, {"demo__registry": REPACK}),
}
FILES = (
    "preprocess.py",
    "train.py",
    "inference.py",
    "evaluate.py",
    "lib/a.py",
    "nb/report.ipynb",
    "local/fit.py",
)


class Workspace:
    """A pipeline whose scripts change, and what is kept of it."""

    def __init__(self, root: Path, graph: Callable[[], PipelineGraph], scripts: list[Path]) -> None:
        self.graph = graph
        self.scripts = scripts
        self.store = root / "store"
        packed = CodeStore(self.store)
        inputs = inputs_of(graph(), packed)
        outcome = compile_one(graph(), CodeStore(self.store, packed.packed), NOTED)
        assert isinstance(outcome, Outcome)
        compiled = CompiledPipeline.from_json(outcome.text, self.store)
        self.kept = Kept(compiled, inputs.key, inputs.hashes, outcome.contents, {})

    def inputs(self) -> Inputs:
        return inputs_of(self.graph(), CodeStore(self.store))

    def with_new_code(self) -> CompiledPipeline | None:
        """Return the pipeline with the scripts that there are now, without the SDK."""
        inputs = self.inputs()
        if inputs.key != self.kept.key:
            return None
        compiled = with_trees(self.kept, inputs.trees, inputs.settings)
        if compiled is not None:
            self.kept = renewed(self.kept, compiled, inputs)
        return compiled

    def compiled(self) -> CompiledPipeline:
        return compile_pipeline(self.graph(), self.store)


def small(root: Path, name: str) -> Workspace:
    steps, overrides = PIPELINES[name]
    scripts = [root / DIRECTORY / "scripts" / file for file in FILES]
    for number, script in enumerate(scripts):
        write_script(script, f"print({number})\n")
    load(root, pipeline_of(steps), **overrides)
    for script in scripts[:4]:
        write_script(script, f"print({script.name!r})\n")
    return Workspace(root, lambda: build_graph(load_project(root), "demo"), scripts)


def write_script(script: Path, text: str) -> None:
    """Write a script, or a notebook with this text in it."""
    cells = [{"cell_type": "markdown", "metadata": {}, "source": text}]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    write(script, json.dumps(notebook) if script.suffix == ".ipynb" else text)


def bundled(root: Path, name: str) -> Workspace:
    for conf in (ROOT / "model_configs").glob("*/conf"):
        copy_model(root, conf.parent.name)
    scripts = sorted(root.glob("model_configs/*/scripts/**/*.py"))
    return Workspace(root, lambda: build_graph(load_project(root), name), scripts)


def copy_model(root: Path, model: str) -> None:
    for part in ("conf", "scripts"):
        source = ROOT / "model_configs" / model / part
        if source.is_dir():
            place = root / "model_configs" / model / part
            shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))


def check(workspace: Workspace) -> bool:
    """Hold the pipeline with new code against one that is compiled; False where it must be compiled."""
    found = workspace.with_new_code()
    if found is None:
        return False
    compiled = workspace.compiled()
    assert found == compiled
    assert found.to_json() == compiled.to_json()
    assert CodeStore(workspace.store).holds(found.local_code())
    return True


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_pipeline_with_edited_scripts_needs_no_sdk(name: str, tmp_path: Path) -> None:
    workspace = bundled(tmp_path, name)
    for script in workspace.scripts:
        script.write_text(f"{script.read_text()}\n# edited\n", encoding="utf-8")
        assert check(workspace)


EDITED = dict.fromkeys(PIPELINES, "evaluate.py")


@pytest.mark.parametrize("name", PIPELINES)
def test_an_edited_script_needs_no_sdk(name: str, tmp_path: Path) -> None:
    workspace = small(tmp_path, name)
    before = workspace.kept.compiled
    write(tmp_path / DIRECTORY / "scripts" / "evaluate.py", "print('edited')\n")
    assert check(workspace)
    assert (workspace.kept.compiled != before) == (name != "a notebook")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("a notebook", "nb/report.ipynb"),
        ("a notebook", "lib/a.py"),
        ("a notebook beside a training", "lib/a.py"),
        ("Spark", "lib/a.py"),
    ],
)
def test_a_file_that_is_put_into_another_tree_is_compiled(
    name: str, file: str, tmp_path: Path
) -> None:
    workspace = small(tmp_path, name)
    write_script(tmp_path / DIRECTORY / "scripts" / file, "edited")
    assert not check(workspace)


@pytest.mark.parametrize("name", PIPELINES)
def test_another_set_of_files_is_compiled(name: str, tmp_path: Path) -> None:
    workspace = small(tmp_path, name)
    write(tmp_path / DIRECTORY / "scripts/requirements.txt", "tabulate\n")
    assert not check(workspace)


CONTENTS = st.sampled_from(["", "print(1)\n", "print(2)\n", "{}", "HASH"])
EDITS = st.lists(st.tuples(st.sampled_from(range(len(FILES))), CONTENTS), min_size=1, max_size=6)


@pytest.mark.parametrize("name", PIPELINES)
def test_whatever_is_edited_the_bytes_are_those_of_compiling(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Edits in a row: each starts from what the last one left, `HASH` is the hash of a tree."""

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(edits=EDITS)
    def check_edits(edits: list[tuple[int, str]]) -> None:
        workspace = small(tmp_path_factory.mktemp("edits"), name)
        for number, text in edits:
            write_script(workspace.scripts[number], text.replace("HASH", workspace.kept.trees[0]))
            check(workspace)

    check_edits()


def twins(root: Path) -> Workspace:
    """Two models, each in a directory of its own, with equal scripts."""
    conf = (
        "conf:\n  models:\n    NAME:\n      source_directory: scripts\n"
        f"      train: {{image_uri: {IMAGE}, entry_point: train.py}}\n"
    )
    for name in ("one", "two"):
        write(root / "model_configs" / name / "conf/conf.yaml", conf.replace("NAME", name))
        write(root / "model_configs" / name / "scripts/train.py", "print(1)\n")
    pipeline = pipeline_of("@one\nfit-one: Training\n@two\nfit-two: Training\n")
    write(root / "model_configs/one/conf/pipeline.yaml", pipeline)
    scripts = [root / "model_configs" / name / "scripts/train.py" for name in ("one", "two")]
    return Workspace(root, lambda: build_graph(load_project(root), "demo"), scripts)


def test_models_that_become_different_or_equal_are_compiled(tmp_path: Path) -> None:
    workspace = twins(tmp_path)
    workspace.scripts[0].write_text("print(2)\n")
    assert not check(workspace)
    workspace.scripts[1].write_text("print(2)\n")
    assert check(workspace), "both are equal again"


def test_models_that_exchange_their_scripts_exchange_their_addresses(tmp_path: Path) -> None:
    first = twins(tmp_path)
    first.scripts[0].write_text("print(2)\n")
    workspace = Workspace(tmp_path, first.graph, first.scripts)
    for script, text in zip(workspace.scripts, ("print(1)\n", "print(2)\n"), strict=True):
        script.write_text(text)
    assert check(workspace)


def test_a_configuration_that_names_the_address_of_code_is_compiled(tmp_path: Path) -> None:
    """Then the same hash is a name in one place and plain text in another."""
    workspace = small(tmp_path, "every class of job")
    inputs = workspace.inputs()
    named = f"{inputs.settings} s3://bucket/code/{workspace.kept.trees[0]}/data"
    write(workspace.scripts[0], "print('edited')\n")
    assert with_trees(workspace.kept, workspace.inputs().trees, named) is None
    assert with_trees(workspace.kept, workspace.inputs().trees, inputs.settings) is not None


def test_a_hash_that_a_generated_file_has_in_it_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import smp.compiler.sdk.offline_session as session

    usual = session._driver_files

    def with_the_hash(directory: Path) -> dict[str, bytes]:
        return {**usual(directory), "where.txt": tree.encode()}

    (tree, *_) = small(tmp_path, "every class of job").kept.trees
    monkeypatch.setattr(session, "_driver_files", with_the_hash)
    workspace = small(tmp_path, "every class of job")
    assert workspace.kept.contents is None
    write(workspace.scripts[3], "print('edited')\n")
    assert not check(workspace)


def test_code_that_becomes_equal_to_a_generated_tree_is_compiled(tmp_path: Path) -> None:
    workspace = small(tmp_path, "every class of job")
    (drivers,) = (t for t in workspace.kept.compiled.code if t.origin == "sdk drivers")
    inputs = workspace.inputs()
    trees = [replace(inputs.trees[0], sha256=drivers.sha256)] * len(inputs.trees)
    assert with_trees(workspace.kept, trees, inputs.settings) is None
