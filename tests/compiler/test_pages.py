"""Whole configurations on the pages below docs/: each loads and compiles as it is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.graph import build_graphs
from tests.compiler.compiling import ROOT, Json
from tests.graph.workspace import write

BLOCK = re.compile(r"^```yaml\n(conf:\n.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = [
    pytest.param(text, id=f"{page.stem}-{number}")
    for page in sorted((ROOT / "docs").glob("*.md"))
    if page.stem != "migrating"  # its configurations are files with scripts of their own
    for number, text in enumerate(BLOCK.findall(page.read_text("utf-8")), start=1)
]


def write_scripts(model_directory: Path, models: dict[str, dict[str, object]]) -> None:
    """Write an empty file for each script that a configuration names."""
    for model in models.values():
        directory = model_directory / str(model.get("source_directory", "."))
        for section in model.values():
            if isinstance(section, dict):
                for key in ("entry_point", "local_stand_in"):
                    if key in section:
                        write(directory / str(section[key]), "")


def write_submitted(workspace: Path, conf: Json) -> None:
    """Write an empty file for each that a step submits to EMR Serverless, or that its notebook has."""
    for name, section in conf.get("sagemakerPipeline", {}).get("models", {}).items():
        directory = workspace / str(conf["models"][name].get("source_directory", "."))
        for step in section["steps"]:
            spark = step.get("spark", {})
            for file in filter(None, [spark.get("entry_point"), *spark.get("py_files", [])]):
                write(directory / file, "")
            if "input_notebook" in step:
                write(directory / step["input_notebook"], '{"nbformat": 4, "cells": []}')
                write(directory / step["initialization_script"], "")
                for name in step["additional_dependencies"]:
                    write(directory / name / "__init__.py", "")


@pytest.mark.parametrize("text", SHOWN)
def test_a_configuration_on_a_page_compiles(text: str, tmp_path: Path) -> None:
    directory = tmp_path / "model_configs" / "shown"
    write(directory / "conf" / "conf.yaml", text)
    conf = yaml.safe_load(text)["conf"]
    write_scripts(directory, conf.get("models", {}))
    write_submitted(directory, conf)
    graphs = build_graphs(load_project(tmp_path))
    assert graphs
    for graph in graphs:
        assert compile_pipeline(graph, tmp_path / "store").definition["Steps"]
