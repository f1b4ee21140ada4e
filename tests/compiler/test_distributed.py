"""Training with several processes, on one machine or on several."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smp.definition.compiled import CompiledPipeline
from tests.compiler.compiling import arguments, compile_demo
from tests.graph.workspace import IMAGE

TRAIN = f"{{image_uri: {IMAGE}, entry_point: train.py, KEYS}}"


def compiled_with(tmp_path: Path, keys: str) -> CompiledPipeline:
    return compile_demo(tmp_path, "fit: Training", demo__train=TRAIN.replace("KEYS", keys))


def shipped(compiled: CompiledPipeline) -> tuple[str, Any]:
    """Return the start script and the settings that the SDK ships with the job."""
    (tree,) = (tree for tree in compiled.code if tree.origin == "sdk drivers")
    directory = compiled.code_store / tree.sha256
    settings = json.loads((directory / "distributed.json").read_text())
    return (directory / "sm_train.sh").read_text(), settings


def test_torchrun_starts_the_script(tmp_path: Path) -> None:
    keys = "instance_count: 3, distributed: {type: torchrun, processes_per_node: 4}"
    compiled = compiled_with(tmp_path, keys)
    start, settings = shipped(compiled)
    assert "distributed_drivers/torchrun_driver.py" in start
    assert settings["process_count_per_node"] == 4
    job = arguments(compiled, "fit")
    assert job["ResourceConfig"]["InstanceCount"] == 3
    assert job["EnableInterContainerTrafficEncryption"] is True


def test_mpirun_starts_the_script(tmp_path: Path) -> None:
    compiled = compiled_with(tmp_path, "distributed: {type: mpi, mpi_options: [-x, NCCL_DEBUG]}")
    start, settings = shipped(compiled)
    assert "distributed_drivers/mpi_driver.py" in start
    assert settings["mpi_additional_options"] == ["-x", "NCCL_DEBUG"]
    assert settings["process_count_per_node"] is None


def test_another_way_to_start_is_other_code(tmp_path: Path) -> None:
    """The address of what is shipped says what it does, so a cached step runs again."""
    alone = compiled_with(tmp_path / "a", "instance_count: 1")
    together = compiled_with(tmp_path / "b", "distributed: {type: torchrun}")
    assert {tree.sha256 for tree in alone.code} != {tree.sha256 for tree in together.code}


def test_the_job_that_packs_the_model_runs_alone(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "fit: Training\nserve: CreateModel",
        demo__train=TRAIN.replace("KEYS", "instance_count: 2, distributed: {type: torchrun}"),
        demo__registry=f"{{InferenceSpecification: {{image_uri: {IMAGE}}}}}",
    )
    assert arguments(compiled, "serve-RepackModel-0")["ResourceConfig"]["InstanceCount"] == 1
    assert len([tree for tree in compiled.code if tree.origin == "sdk drivers"]) == 2
