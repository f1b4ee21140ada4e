"""Compiling is fast and its cost linear: generous bounds here, the true ones in the benchmark."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.graph import build_graph
from tests.compiler.compiling import compile_demo
from tests.graph.workspace import load, pipeline_of

UNIT = """\
N-prep: Processing, enable_cache: true
N-fit: Training, chain_input_source_step: N-prep
N-model: CreateModel
N-predict: Transform, chain_input_source_step: N-prep
N-score: Metrics, chain_input_source_step: [N-prep, N-predict]
N-register: RegisterModel
"""
STEPS = UNIT.count("\n")
MAX_MILLISECONDS = 25


def seconds_for(units: int, workspace: Path) -> float:
    """Compile one pipeline of so many model units and return what a step took."""
    steps = "".join(UNIT.replace("N-", f"u{unit}-") for unit in range(units))
    text = pipeline_of(steps).replace("    models:\n", "    maxSteps: 1000\n    models:\n", 1)
    graph = build_graph(load(workspace, text), "demo")
    started = time.process_time()
    compiled = compile_pipeline(graph, workspace / "store")
    assert len(list(compiled.steps())) == units * STEPS
    return (time.process_time() - started) / (units * STEPS)


@pytest.mark.slow
def test_a_step_costs_the_same_in_a_large_pipeline(tmp_path: Path) -> None:
    compile_demo(tmp_path / "warm", "fit: Training")
    small = min(seconds_for(10, tmp_path / f"small{turn}") for turn in range(3))
    large = seconds_for(100, tmp_path / "large")
    assert large * 1000 <= MAX_MILLISECONDS
    assert large <= 3 * small
