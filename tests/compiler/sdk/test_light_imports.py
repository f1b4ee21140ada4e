"""The compile process leaves packages out of the SDK's import, and compiles the same definitions."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import compile_all
from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.graph import build_graphs

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_the_process_compiles_what_the_whole_sdk_compiles(tmp_path: Path) -> None:
    graphs = build_graphs(load_project(ROOT))
    apart = compile_all(graphs, tmp_path).result()
    whole = [compile_pipeline(graph, tmp_path / "code") for graph in graphs]
    assert [one.to_json() for one in apart] == [one.to_json() for one in whole]


def test_a_package_that_is_left_out_can_be_named_and_never_used() -> None:
    script = """
from smp.compiler.sdk.light_imports import leave_out_unused
leave_out_unused()
import docker.errors, json
import pandas as pd
class Frame(pd.DataFrame): pass
assert not isinstance({}, pd.DataFrame)
try:
    pd.read_csv("x")
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "read_csv belongs to a package that is left out of compiling\n"
