"""The launcher between the start script of the SDK and its drivers: its place, and its Pythons."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from smp.compiler.sdk import launch
from smp.compiler.sdk.container import smp_launcher
from smp.compiler.sdk.launch import COMMAND, LAUNCHER, START, command_in_place, with_launcher
from smp.errors import CompileError
from tests.compiler.compiling import arguments, compile_demo
from tests.compiler.test_training import driver, train
from tests.graph.workspace import IMAGE


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ("", "basic_script_driver"),
        ("distributed: {type: torchrun}", "torchrun_driver"),
        ("distributed: {type: mpi}", "mpi_driver"),
    ],
)
def test_the_start_script_calls_the_launcher(more: str, name: str, tmp_path: Path) -> None:
    lines = driver(tmp_path, train(more)).splitlines()
    calls = [line for line in lines if "$SM_PYTHON_CMD /opt" in line and "install_req" not in line]
    launcher = "$SM_PYTHON_CMD /opt/ml/input/data/sm_drivers/smp_launcher.py"
    assert calls == [
        f"{launcher} scripts/environment.py",
        f"exec {launcher} distributed_drivers/{name}.py",
    ]
    assert driver(tmp_path, train(more), LAUNCHER) == Path(smp_launcher.__file__).read_text()


def test_no_shell_keeps_the_signal(tmp_path: Path) -> None:
    job = arguments(compile_demo(tmp_path, "fit: Training", demo__train=train()), "fit")
    start = "/opt/ml/input/data/sm_drivers/sm_train.sh"
    expected = ["-c", f"chmod +x {start} && exec {start}"]
    assert job["AlgorithmSpecification"]["ContainerArguments"] == expected


def test_a_job_with_a_command_has_none(tmp_path: Path) -> None:
    compiled = compile_demo(
        tmp_path,
        "fit: Training\nserve: CreateModel",
        demo__registry=f"{{InferenceSpecification: {{image_uri: {IMAGE}}}}}",
    )
    trees = [tree for tree in compiled.code if tree.origin == "sdk drivers"]
    files = [{file.path for file in tree.files} for tree in trees]
    assert sorted(LAUNCHER in names for names in files) == [False, True]


def test_fails_on_a_start_script_that_nobody_read() -> None:
    with pytest.raises(CompileError, match=r"is not the known one: sm_train\.sh"):
        with_launcher({START: b"#!/bin/bash\npython3 other.py\n"})


def test_fails_on_a_command_that_nobody_read() -> None:
    assert command_in_place(["-c", COMMAND]) == ["-c", launch.COMMAND_IN_PLACE]
    with pytest.raises(CompileError, match="is not the known one: "):
        command_in_place(["-c", "other"])


def test_the_launcher_runs_on_old_pythons() -> None:
    text = Path(smp_launcher.__file__).read_text()
    tree = ast.parse(text, feature_version=(3, 6))
    imported = {
        name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
    }
    assert imported == {"json", "os", "runpy", "signal", "subprocess", "sys", "traceback"}
