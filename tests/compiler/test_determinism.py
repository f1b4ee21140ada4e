"""The same sources give the same bytes, whatever the process, the machine and the user's settings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compiler.compiling import ROOT

pytestmark = pytest.mark.slow

COMPILE = """
import os, socket, sys, json
from pathlib import Path

def refuse(*_args, **_kwargs):
    raise OSError("the network is closed")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
workspace, store, region, umask = sys.argv[1:]
os.umask(int(umask, 8))
import smp.compiler.sdk.constants as stand_ins
stand_ins.SDK_REGION = region
from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.graph import build_graphs

compiled = [compile_pipeline(graph, Path(store)) for graph in build_graphs(load_project(Path(workspace)))]
print(json.dumps([one.to_json() for one in compiled]))
"""

HOSTILE_CONFIG = """
[default]
region = ap-southeast-2
sagemaker =
    endpoint_url = http://127.0.0.1:9
"""
HOSTILE_DEFAULTS = """
SchemaVersion: "1.0"
SageMaker:
  TrainingJob:
    RoleArn: arn:aws:iam::999999999999:role/hostile
    VpcConfig: {Subnets: [subnet-hostile00], SecurityGroupIds: [sg-hostile00]}
  ProcessingJob:
    RoleArn: arn:aws:iam::999999999999:role/hostile
  PythonSDK: {Modules: {Session: {DefaultS3Bucket: hostile}}}
"""
HOSTILE = {
    "AWS_DEFAULT_REGION": "ap-southeast-2",
    "AWS_REGION": "ap-southeast-2",
    "AWS_PROFILE": "no-such-profile",
    "AWS_ACCESS_KEY_ID": "hostile",
    "AWS_SECRET_ACCESS_KEY": "hostile",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "SAGEMAKER_ROLE": "arn:aws:iam::999999999999:role/hostile",
    "SAGEMAKER_DEFAULT_BUCKET": "hostile",
}

Outcome = tuple[str, dict[str, bytes]]


def compile_in_a_process(
    workspace: Path,
    directory: Path,
    environment: dict[str, str],
    region: str = "us-east-1",
    umask: str = "022",
) -> Outcome:
    """Compile every pipeline of a workspace; return their JSON and the files of the code store."""
    directory.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            COMPILE,
            workspace,
            directory / "store",
            region,
            umask,
        ],
        cwd=directory,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    store = directory / "store"
    files = {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }
    return done.stdout, files


def copy_examples(place: Path, modified: float, mode: int) -> Path:
    """Copy the bundled examples with other times and modes, in another order."""
    for model in sorted((ROOT / "model_configs").iterdir(), reverse=modified > 1e9):
        if (model / "conf").is_dir():
            for part in ("conf", "scripts"):
                shutil.copytree(
                    model / part,
                    place / "model_configs" / model.name / part,
                    ignore=shutil.ignore_patterns("__pycache__"),
                )
    for path in place.rglob("*"):
        if path.is_file():
            path.chmod(mode)
        os.utime(path, (modified, modified))
    return place


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_examples(tmp_path_factory.mktemp("first") / "work", 1e9, 0o644)


@pytest.fixture(scope="module")
def first(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    environment = {"HOME": "/nonexistent", "PYTHONHASHSEED": "1"}
    return compile_in_a_process(workspace, tmp_path_factory.mktemp("run") / "a", environment)


def test_another_process_gives_the_same_bytes(
    first: Outcome, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Another hash seed, place of the sources, working directory, umask, time and mode of files."""
    place = tmp_path_factory.mktemp("second-and-longer")
    copy = copy_examples(place / "elsewhere" / "work", 1.6e9, 0o600)
    environment = {"HOME": str(place), "PYTHONHASHSEED": "2", "TZ": "Asia/Tokyo", "LANG": "C"}
    second = compile_in_a_process(copy, place / "run", environment, umask="077")
    assert second == first
    assert len(json.loads(first[0])) == 5


def test_no_region_of_the_sdks_reaches_the_definition(
    first: Outcome, workspace: Path, tmp_path: Path
) -> None:
    environment = {"HOME": "/nonexistent", "PYTHONHASHSEED": "1"}
    other = compile_in_a_process(workspace, tmp_path / "run", environment, region="eu-central-1")
    assert other == first


def test_no_setting_of_the_users_reaches_the_definition(
    first: Outcome, workspace: Path, tmp_path: Path
) -> None:
    """AWS and SDK variables, the user's AWS files, and the SDK's own file of defaults."""
    home = tmp_path / "home"
    for place, text in {
        ".aws/config": HOSTILE_CONFIG,
        ".config/sagemaker/config.yaml": HOSTILE_DEFAULTS,
        "defaults.yaml": HOSTILE_DEFAULTS,
    }.items():
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        (home / place).write_text(text)
    environment = {
        **HOSTILE,
        "HOME": str(home),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home / "defaults.yaml"),
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE": str(home / "defaults.yaml"),
    }
    assert compile_in_a_process(workspace, tmp_path / "run", environment) == first


def test_compiling_twice_in_one_process_gives_the_same_bytes(
    workspace: Path, tmp_path: Path
) -> None:
    from smp.compiler.compile import compile_pipeline
    from smp.config.load import load_project
    from smp.graph import build_graphs

    graphs = build_graphs(load_project(workspace))
    once, again = (
        [compile_pipeline(graph, tmp_path / run).to_json() for graph in graphs] for run in "ab"
    )
    assert once == again
