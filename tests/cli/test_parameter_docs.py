"""docs/parameters.md: its configuration loads, for each environment, and its output is what is printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.graph import build_graph
from tests.cli.conftest import RunSmp
from tests.config.workspace import CONF, make_workspace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "parameters.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    [text] = blocks("yaml")
    return make_workspace(tmp_path, {CONF: text})


@pytest.mark.parametrize(("environment", "rounds"), [(None, 100), ("prod", 500)])
def test_the_configuration_is_valid(workspace: Path, environment: str | None, rounds: int) -> None:
    graph = build_graph(load_project(workspace, environment=environment), "churn")
    defaults = {item.name: item.default for item in graph.pipeline.config.parameters}
    assert defaults["rounds"] == rounds
    assert graph.notes == ()


def test_the_output_is_what_is_printed(
    run_smp: RunSmp, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    [command] = re.findall(r"^    smp (.*)$", PAGE.read_text(), re.MULTILINE)
    assert run_smp(*command.split()).out == blocks("text")[0]
