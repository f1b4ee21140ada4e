"""Compiles what a test writes: a pipeline of the models `demo` and `other`, or a whole workspace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.definition.compiled import CompiledPipeline
from smp.graph import PipelineGraph, build_graph, build_graphs
from tests.graph.workspace import load, pipeline_of, write

ROOT = Path(__file__).resolve().parents[2]
SEEDS = ROOT.parent / "shared" / "seed_configs"
SEED_PATTERN = "examples/**/conf/*.yaml"

Json = dict[str, Any]


def demo_graph(
    workspace: Path, steps: str, dependencies: str = "", top: str = "", **overrides: str
) -> PipelineGraph:
    """Build a pipeline of `name: Class, key: value` lines; `top` is put below `conf`."""
    text = pipeline_of(steps, dependencies)
    text = text.replace("conf:\n", f"conf:\n{top}", 1)
    return build_graph(load(workspace, text, **overrides), "demo")


def compile_demo(
    workspace: Path, steps: str, dependencies: str = "", top: str = "", **overrides: str
) -> CompiledPipeline:
    """Compile a pipeline of `name: Class, key: value` lines; `demo__train="…"` replaces a section."""
    graph = demo_graph(workspace, steps, dependencies, top, **overrides)
    return compile_pipeline(graph, workspace / "store")


def step(compiled: CompiledPipeline, name: str) -> Json:
    """Return a step of the definition."""
    return next(item for item in compiled.steps() if item["Name"] == name)


def arguments(compiled: CompiledPipeline, name: str) -> Json:
    """Return a step's arguments."""
    value: Json = step(compiled, name)["Arguments"]
    return value


def processing_inputs(compiled: CompiledPipeline, name: str) -> dict[str, Json]:
    """Return a processing job's inputs by name, without its code."""
    inputs = arguments(compiled, name)["ProcessingInputs"]
    return {item["InputName"]: item["S3Input"] for item in inputs if item["InputName"] != "code"}


def processing_outputs(compiled: CompiledPipeline, name: str) -> dict[str, Json]:
    """Return a processing job's outputs by name."""
    outputs = arguments(compiled, name)["ProcessingOutputConfig"]["Outputs"]
    return {item["OutputName"]: item["S3Output"] for item in outputs}


def channels(compiled: CompiledPipeline, name: str) -> dict[str, Json]:
    """Return a training job's channels by name, without those of its code."""
    found = arguments(compiled, name)["InputDataConfig"]
    code = ("code", "sm_drivers")
    return {item["ChannelName"]: item for item in found if item["ChannelName"] not in code}


def uri_of(channel: Json) -> Any:
    """Return where a training channel's data lies."""
    return channel["DataSource"]["S3DataSource"]["S3Uri"]


def directory(place: str) -> Json:
    """Return what a job reads of a directory that another step wrote: everything below it."""
    return {"Std:Join": {"On": "", "Values": [{"Get": place}, "/"]}}


def place_seeds(workspace: Path) -> Path:
    """Copy the public example configs and put stand-in scripts where they point."""
    shutil.copytree(SEEDS, workspace, dirs_exist_ok=True)
    for path in [workspace, *workspace.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    for file in sorted(workspace.rglob("conf/*.yaml")):
        for script in _scripts_of(yaml.safe_load(file.read_text(encoding="utf-8"))):
            write(workspace / script, "")
    return workspace


def _scripts_of(config: Json) -> Iterator[str]:
    for model in config["conf"]["models"].values():
        for section in model.values():
            if isinstance(section, dict) and "entry_point" in section:
                yield f"{model['source_directory']}/{section['entry_point']}"


def example_graphs(environment: str | None = None) -> tuple[PipelineGraph, ...]:
    """Return the graphs of the bundled examples, as they are for an environment."""
    return build_graphs(load_project(ROOT, environment=environment))


def seed_graphs(workspace: Path) -> tuple[PipelineGraph, ...]:
    """Return the graphs of the public examples, laid out below a directory."""
    return build_graphs(load_project(place_seeds(workspace), SEED_PATTERN))
