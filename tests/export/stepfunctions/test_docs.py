"""The state machine that docs/step-functions.md shows is the one that its configuration becomes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from smp.compiler.compile import compile_pipeline
from smp.config.load import load_project
from smp.export.stepfunctions import render_state_machine
from smp.graph import build_graphs
from tests.compiler.compiling import ROOT
from tests.compiler.test_pages import write_scripts
from tests.graph.workspace import write

PAGE = (ROOT / "docs" / "step-functions.md").read_text(encoding="utf-8")


def test_the_states_on_the_page_are_those_of_its_configuration(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(conf:\n.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (shown,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    directory = tmp_path / "model_configs" / "shown"
    write(directory / "conf" / "conf.yaml", text)
    write_scripts(directory, yaml.safe_load(text)["conf"]["models"])
    (graph,) = build_graphs(load_project(tmp_path))
    states = render_state_machine(compile_pipeline(graph, tmp_path / "store"))["States"]
    for name, state in json.loads(shown).items():
        assert states[name] == state
    asked = states[states["prepare"]["Catch"][0]["Next"]]
    assert [rule["Next"] for rule in asked["Choices"]] == ["tidy"]
    assert states["prepare"]["Next"] == "big"
