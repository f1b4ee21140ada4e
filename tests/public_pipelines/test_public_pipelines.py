"""Ten public pipelines as configurations: each is valid, compiles, is exported or refused, and runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.export.airflow.dag import render_steps_dag
from smp.export.refusal import ExportError
from smp.export.stepfunctions.state_machine import render_state_machine
from smp.graph import PipelineGraph, build_graphs
from tests.cli.conftest import RunSmp, run_smp
from tests.compiler.compiling import ROOT

__all__ = ["run_smp"]  # a fixture

WORKSPACE = Path(__file__).parent
PAGE = ROOT / "docs" / "migrating.md"
BLOCK = re.compile(r"^```yaml\n(conf:\n.*?)^```$", re.DOTALL | re.MULTILINE)
FILES = sorted((WORKSPACE / "model_configs").glob("*/conf/conf.yaml"))
NAMES = {
    yaml.safe_load(file.read_text("utf-8"))["conf"]["sagemakerPipeline"]["pipelineName"]: file
    for file in FILES
}

LINE = "".join(f"{2 * x + 1},{x}\n" for x in range(1, 31))
DATA = {
    "abalone/abalone.csv": LINE,
    "callback/extract/rows.csv": LINE,
    "clarify/rows.csv": LINE,
    "fraud/claims.csv": "".join(f"claim,{n},{n % 2},{n * 100}\n" for n in range(8)),
    "fraud/customers.csv": "".join(f"customer,{n},{30 + n}\n" for n in range(8)),
    "lambda/rows.csv": LINE,
    "notebook/rows.csv": LINE,
    "quality/rows.csv": LINE,
    "selective/rows.csv": LINE,
    "several/rows.csv": LINE,
    "tuning/rows.csv": LINE,
}
ENDED = {
    "AbalonePipeline": {"AbaloneMSEFail": "Skipped"},
    "CallbackPipeline": {"Empty": "Skipped"},
    "FraudPipeline": {"TooFew": "Skipped"},
    "LambdaPipeline": {"NotDeployed": "Skipped"},
    "SeveralModelsPipeline": {"RegisterMean-RegisterModel": "Skipped"},
}
"""The steps that do not succeed with these data: those of the branch that is not taken."""


@pytest.fixture(scope="module")
def graphs() -> dict[str, PipelineGraph]:
    return {graph.name: graph for graph in build_graphs(load_project(WORKSPACE))}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A copy of the workspace, and its data in the local bucket."""
    ignored = shutil.ignore_patterns("__pycache__", "*.py[co]", "test_*.py")
    shutil.copytree(WORKSPACE, tmp_path, ignore=ignored, dirs_exist_ok=True)
    for key, text in DATA.items():
        file = tmp_path / "data" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def test_there_are_ten() -> None:
    assert len(NAMES) == len(FILES) == 10


def test_the_page_shows_the_files() -> None:
    shown = BLOCK.findall(PAGE.read_text("utf-8"))
    assert sorted(shown) == sorted(file.read_text("utf-8") for file in FILES)


@pytest.mark.parametrize("name", NAMES)
def test_it_compiles(name: str, graphs: dict[str, PipelineGraph], tmp_path: Path) -> None:
    compiled = compile_pipeline(graphs[name], tmp_path)
    expected = {step for node in graphs[name].steps for step in node.emitted}
    assert {step["Name"] for step in compiled.steps()} == expected


@pytest.mark.parametrize("render", [render_steps_dag, render_state_machine])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_exported_or_refused_by_the_name_of_a_step(
    name: str,
    render: Callable[[CompiledPipeline], object],
    graphs: dict[str, PipelineGraph],
    tmp_path: Path,
) -> None:
    compiled = compile_pipeline(graphs[name], tmp_path)
    steps = {step["Name"] for step in compiled.steps()}
    assert all(steps & set(re.findall(r"[\w-]+", text)) for text in _refusals(render, compiled))


def _refusals(
    render: Callable[[CompiledPipeline], object], compiled: CompiledPipeline
) -> list[str]:
    try:
        render(compiled)
    except ExportError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_this_machine(name: str, run_smp: RunSmp, workspace: Path) -> None:
    place = ("--workspace", workspace)
    assert run_smp("s3", "put", workspace / "data", "s3://local", *place).status == 0
    done = run_smp("run", name, "--grace", "5", *place)
    assert done.status == 0, done.out + done.err
    shown = run_smp("show", "last", "--format", "json", *place)
    records = yaml.safe_load(shown.out)["step_records"]
    ended = {record["name"]: record["status"] for record in records}
    others = {step: status for step, status in ended.items() if status != "Succeeded"}
    assert others == ENDED.get(name, {})
