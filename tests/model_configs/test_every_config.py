"""What holds for every configuration of the workspace: any author, any model.

A delivery runs this before it synthesizes anything. Files of a model are read, never run or imported.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.config.project import Project
from smp.config.read.files import DEFAULT_PATTERN, find_files, model_directory
from smp.config.read.scripts import is_inside
from smp.definition.compiled import CompiledPipeline
from smp.definition.request_check import check_limits, check_requests
from smp.graph import PipelineGraph, build_graphs
from stacks.context import config_pattern, read_context

ROOT = Path(__file__).resolve().parents[2]

Compiled = Mapping[str, CompiledPipeline]


@pytest.fixture(scope="module")
def pattern() -> str:
    """The settings' own pattern: which files belong to the app."""
    return config_pattern(read_context(ROOT, {}), {}) or DEFAULT_PATTERN


@pytest.fixture(scope="module")
def project(pattern: str) -> Project:
    return load_project(ROOT, pattern, dict(os.environ))


@pytest.fixture(scope="module")
def graphs(project: Project) -> tuple[PipelineGraph, ...]:
    return tuple(build_graphs(project))


@pytest.fixture(scope="module")
def compiled(
    graphs: tuple[PipelineGraph, ...], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Compiled, Compiled]:
    """All pipelines, compiled in two processes that know nothing of each other."""
    first, second = (
        compile_all(graphs, tmp_path_factory.mktemp(name)) for name in ("first", "second")
    )
    return (
        {pipeline.name: pipeline for pipeline in first.result()},
        {pipeline.name: pipeline for pipeline in second.result()},
    )


@pytest.mark.slow
def test_two_compilations_are_equal_to_the_byte(compiled: tuple[Compiled, Compiled]) -> None:
    first, second = compiled
    assert list(first) == list(second)
    for name, pipeline in first.items():
        assert pipeline.to_json() == second[name].to_json()


def test_the_service_would_take_the_arguments_of_every_step(
    compiled: tuple[Compiled, Compiled],
) -> None:
    refused = {name: check_requests(pipeline) for name, pipeline in compiled[0].items()}
    assert {name: problems for name, problems in refused.items() if problems} == {}


def test_no_definition_is_over_a_limit_of_the_service(compiled: tuple[Compiled, Compiled]) -> None:
    over = {name: list(check_limits(pipeline)) for name, pipeline in compiled[0].items()}
    assert {name: problems for name, problems in over.items() if problems} == {}


def test_no_definition_names_a_directory_of_this_machine(
    compiled: tuple[Compiled, Compiled],
) -> None:
    for pipeline in compiled[0].values():
        assert str(ROOT) not in json.dumps(pipeline.definition)


def test_what_is_uploaded_is_what_lies_below_the_model(
    compiled: tuple[Compiled, Compiled], project: Project
) -> None:
    for pipeline in compiled[0].values():
        for tree in pipeline.code:
            for file in tree.files:
                stored = pipeline.code_store / tree.sha256 / file.path
                assert not Path(file.path).is_absolute()
                assert ".." not in Path(file.path).parts
                assert stored.is_file()
                assert not stored.is_symlink()
    for model in project.models.values():
        assert model.source_directory.is_relative_to(model.directory)


def test_no_link_leads_out_of_a_model_repository(pattern: str) -> None:
    found = find_files(ROOT, pattern)
    directories = {model_directory(file, ROOT, found.base) for file in found.files}
    for directory in directories:
        inside = directory.resolve()
        for path in inside.rglob("*"):
            assert not path.is_symlink() or is_inside(path, inside), f"{path} is a link out"
