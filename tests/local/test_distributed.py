"""Training with several processes here: on this one machine, or refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from smp.errors import RunError
from smp.local.plan import plan_run, refuse_images
from tests.compiler.test_distributed import compiled_with


def test_several_machines_fail_before_a_local_run_starts(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "instance_count: 2")
    with pytest.raises(RunError, match="step fit of demo trains on several machines at once"):
        plan_run(compiled)


def test_several_processes_on_one_machine_run_locally(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "distributed: {type: torchrun, processes_per_node: 2}")
    refuse_images(compiled, plan_run(compiled), runs_images=False)


def test_mpirun_fails_before_a_local_run_without_images_starts(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "distributed: {type: mpi}")
    plan = plan_run(compiled)
    with pytest.raises(RunError, match="starts its processes by mpirun, which its image brings"):
        refuse_images(compiled, plan, runs_images=False)
    refuse_images(compiled, plan, runs_images=True)
