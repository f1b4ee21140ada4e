"""docs/parameters.md: its configuration loads, for each environment, and its output is what is printed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from smp.config.load import load_project
from smp.graph import build_graph
from tests.cli.conftest import RunSmp
from tests.config.workspace import CONF, make_workspace, place_file

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
    [command] = re.findall(r"^smp (.*)$", PAGE.read_text(), re.MULTILINE)
    assert run_smp(*command.split()).out == blocks("text")[0]


TRAIN = """\
import json, os, sys
from pathlib import Path
given = {"argv": sys.argv[1:], "data": os.listdir("/opt/ml/input/data/train")}
Path(os.environ["SM_MODEL_DIR"], "given.json").write_text(json.dumps(given))
print("given:", json.dumps(given))
"""


@pytest.mark.slow
def test_a_local_run_takes_the_parameters(run_smp: RunSmp, workspace: Path) -> None:
    place_file(workspace / "model_configs/churn/scripts/train.py", TRAIN)
    here = ("--workspace", workspace)
    data = place_file(workspace / "train.csv", "1,2\n")
    assert run_smp("s3", "put", data, "s3://local/churn/monday/train.csv", *here).status == 0

    refused = run_smp("run", "churn", *here, "--param", "rounds=many", "--param", "dya=monday")
    assert refused.status == 1
    for message in ("day: has no default", "rounds: must be of type Integer", "mean 'day'?"):
        assert message in refused.err

    done = run_smp("run", "churn", *here, "--param", "day=monday", "--environment", "prod")
    assert done.status == 0, done.err
    log = next((workspace / ".smp" / "runs").glob("*/steps/churn-train/log.txt")).read_text()
    [given] = re.findall(r"^given: (.*)$", log, re.MULTILINE)
    assert json.loads(given) == {
        "argv": ["--rounds", "500", "--run_name", "nightly-monday"],
        "data": ["train.csv"],
    }
