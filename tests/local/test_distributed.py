"""Training with several processes here: on this one machine, or refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.compiler.compile import compile_pipeline
from smp.errors import RunError
from smp.graph import build_graph
from smp.local.engine.plan import plan_run
from smp.local.engine.preflight import refuse_images, refuse_several_machines
from tests.compiler.test_distributed import compiled_with
from tests.graph.workspace import IMAGE, load, pipeline_of


def test_several_machines_fail_before_a_local_run_starts(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "instance_count: 2")
    with pytest.raises(RunError, match="step fit of demo trains on several machines at once"):
        refuse_several_machines(compiled, plan_run(compiled), {})


def test_the_number_of_machines_may_be_a_parameter(tmp_path: Path) -> None:
    text = pipeline_of("fit: Training").replace(
        "    models:", "    parameters: [{name: n, type: Integer, default: 2}]\n    models:", 1
    )
    train = f"{{image_uri: {IMAGE}, entry_point: train.py, instance_count: '${{parameters.n}}'}}"
    graph = build_graph(load(tmp_path, text, demo__train=train), "demo")
    compiled = compile_pipeline(graph, tmp_path / "store")
    plan = plan_run(compiled)
    refuse_several_machines(compiled, plan, {"n": 1})
    refuse_several_machines(compiled, plan, {"n": 2}, done=["fit"])
    with pytest.raises(RunError, match="found: instance_count: 2"):
        refuse_several_machines(compiled, plan, {"n": 2})


def test_several_processes_on_one_machine_run_locally(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "distributed: {type: torchrun, processes_per_node: 2}")
    refuse_images(compiled, plan_run(compiled), runs_images=False)


def test_mpirun_fails_before_a_local_run_without_images_starts(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "distributed: {type: mpi}")
    plan = plan_run(compiled)
    with pytest.raises(RunError, match="starts its processes by mpirun, which its image brings"):
        refuse_images(compiled, plan, runs_images=False)
    refuse_images(compiled, plan, runs_images=True)
