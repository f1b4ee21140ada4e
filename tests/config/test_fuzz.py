"""Whatever stands in a file, loading it gives a project or an error meant for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smp.config.load import load_project
from smp.errors import SmpError
from tests.config.workspace import BASE, CONF, make_workspace

KEYS = st.sampled_from(
    [
        *("conf", "models", "churn", "train", "preprocess", "evaluate", "registry", "channels"),
        *("dataFiles", "fileName", "tags", "Key", "env", "sagemakerNetworkSecurity", "subnets"),
        *("sagemakerPipeline", "pipelineName", "steps", "step_name", "dependencies", "<<"),
    ]
) | st.text(max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["SMP_SUBNETS", "s3://SMP_X/a", "${env:A}", "${smp:bucket}", "a >> b", "../x"]
    )
)
TREES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3)
)
LINES = BASE.splitlines(keepends=True)
fuzz = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("fuzz"), {CONF: ""})


def load(workspace: Path, data: bytes) -> None:
    (workspace / CONF).write_bytes(data)
    message = _message(workspace)
    assert message
    assert all(line.isprintable() for line in message.splitlines())


def _message(workspace: Path) -> str:
    try:
        load_project(workspace)
    except SmpError as error:
        return str(error)
    return "fine"


@given(st.binary(max_size=300))
@fuzz
def test_any_bytes(workspace: Path, data: bytes) -> None:
    load(workspace, data)


@given(st.text(alphabet="abc:-[]{}&*!|>'\"#%@,?<\n\t 01", max_size=120))
@fuzz
def test_any_yaml_punctuation(workspace: Path, text: str) -> None:
    load(workspace, text.encode())


@given(TREES)
@fuzz
def test_any_structure(workspace: Path, tree: Any) -> None:
    load(workspace, json.dumps({"conf": tree}).encode("utf-8", "surrogatepass"))


@given(TREES, TREES)
@fuzz
def test_any_structure_in_place_of_a_section(workspace: Path, model: Any, pipeline: Any) -> None:
    conf = {"models": {"churn": {"source_directory": "scripts", "train": model}}}
    load(workspace, json.dumps({"conf": {**conf, "sagemakerPipeline": pipeline}}).encode())


@given(st.integers(0, len(LINES) - 1), st.text(max_size=30), st.booleans())
@fuzz
def test_a_valid_file_with_one_line_spoiled(
    workspace: Path, line: int, text: str, keep: bool
) -> None:
    lines = list(LINES)
    lines[line] = (lines[line].rstrip("\n") if keep else "") + text + "\n"
    load(workspace, "".join(lines).encode("utf-8", "surrogatepass"))
