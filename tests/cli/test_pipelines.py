"""The commands that read configs: what they print, for people and for programs."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import RunSmp

STEPS = [f"fraud-check-{part}" for part in ("training", "create-model", "transform", "metrics")]
STEPS.append("fraud-check-register")


def test_validate_says_what_it_checked(run_smp: RunSmp, workspace: Path) -> None:
    done = run_smp("validate", "--workspace", workspace)
    assert (done.status, done.err) == (0, "")
    assert done.out == "valid: 1 model, 1 pipeline, 5 steps\n"


def test_validate_works_in_the_current_directory(
    run_smp: RunSmp, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    assert run_smp("validate").status == 0


def test_fails_with_every_problem_on_stderr(run_smp: RunSmp, broken_workspace: Path) -> None:
    done = run_smp("validate", "--workspace", broken_workspace)
    assert (done.status, done.out) == (1, "")
    places = [line for line in done.err.splitlines() if line.startswith("model_configs/")]
    assert len(places) == 2
    assert "max_runtime_seconds" in places[0]
    assert "enable_cash" in places[1]
    assert "enable_cache" in done.err
    assert done.err.endswith("\n2 problems\n")


def test_fails_with_problems_as_json_objects(run_smp: RunSmp, broken_workspace: Path) -> None:
    done = run_smp("validate", "--format", "json", "--workspace", broken_workspace)
    report = json.loads(done.out)
    assert (done.status, report["valid"]) == (1, False)
    runtime, cache = report["problems"]
    assert set(runtime) == {
        *("reason", "file", "line", "column", "path", "found", "allowed", "hint")
    }
    assert runtime["file"] == "model_configs/fraud_check/conf/conf.yaml"
    assert runtime["line"] > 0
    assert "soon" in runtime["found"]
    assert "enable_cash" in json.dumps(cache)


def test_a_valid_workspace_as_json(run_smp: RunSmp, workspace: Path) -> None:
    done = run_smp("validate", "--format", "json", "--workspace", workspace)
    assert json.loads(done.out) == {
        "valid": True,
        "pipelines": ["fraud-check"],
        "problems": [],
        "notes": [],
    }


def test_a_setting_without_effect_is_a_note_and_no_error(run_smp: RunSmp, workspace: Path) -> None:
    conf = workspace / "model_configs" / "fraud_check" / "conf" / "conf.yaml"
    text = conf.read_text("utf-8")
    conf.write_text(
        text.replace(
            "entry_point: inference.py", "entry_point: inference.py\n        image_uri: other"
        ),
        "utf-8",
    )
    done = run_smp("validate", "--workspace", workspace)
    assert done.status == 0
    assert done.out.startswith("note: model_configs/fraud_check/conf/conf.yaml:")


def test_list_names_models_and_steps(run_smp: RunSmp, workspace: Path) -> None:
    assert run_smp("list", "--workspace", workspace).out.splitlines() == [
        "fraud-check  (fraud_check)",
        "  fraud-check-training      Training",
        "  fraud-check-create-model  CreateModel",
        "  fraud-check-transform     Transform",
        "  fraud-check-metrics       Metrics",
        "  fraud-check-register      RegisterModel",
    ]


def test_list_as_json(run_smp: RunSmp, workspace: Path) -> None:
    done = run_smp("list", "--format", "json", "--workspace", workspace)
    assert json.loads(done.out) == [
        {"name": "fraud-check", "models": ["fraud_check"], "steps": STEPS}
    ]


def test_the_pattern_comes_from_the_option_before_the_variable(
    run_smp: RunSmp, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace / "model_configs").rename(workspace / "elsewhere")
    found = run_smp("list", "--workspace", workspace, "--models", "elsewhere/*/conf/*.yaml")
    assert found.status == 0
    assert run_smp("list", "--workspace", workspace).status == 1
    monkeypatch.setenv("SMP_MODEL_CONFIGPATH", "elsewhere/*/conf/*.yaml")
    assert run_smp("list", "--workspace", workspace) == found
    assert run_smp("list", "--workspace", workspace, "--models", "none/*.yaml").status == 1


def test_the_help_names_the_default_pattern(run_smp: RunSmp) -> None:
    from smp.config.read.files import DEFAULT_PATTERN

    assert DEFAULT_PATTERN in run_smp("list", "--help").out


def test_fails_on_an_unknown_pipeline_with_a_near_name(run_smp: RunSmp, workspace: Path) -> None:
    for command in ("compile", "graph"):
        done = run_smp(command, "fraud-chek", "--workspace", workspace)
        assert (done.status, done.out) == (1, "")
        assert "did you mean 'fraud-check'?" in done.err


def test_compile_writes_the_definition_with_names_for_what_only_a_deployment_knows(
    run_smp: RunSmp, compiled_workspace: Path
) -> None:
    done = run_smp("compile", "fraud-check", "--workspace", compiled_workspace)
    assert (done.status, done.err) == (0, "")
    definition = json.loads(done.out)
    assert definition["Version"] == "2020-12-01"
    assert "${smp:role_arn}" in done.out
    file = compiled_workspace / "deep" / "definition.json"
    again = run_smp("compile", "fraud-check", "-o", file, "--workspace", compiled_workspace)
    assert (again.status, again.out) == (0, "")
    assert file.read_text("utf-8") == done.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_graph_draws_every_step_in_both_formats(run_smp: RunSmp, compiled_workspace: Path) -> None:
    mermaid = run_smp("graph", "fraud-check", "--workspace", compiled_workspace)
    assert mermaid.out.startswith("flowchart TB\n")
    assert 'subgraph m0["fraud_check"]' in mermaid.out
    svg = run_smp("graph", "fraud-check", "--format", "svg", "--workspace", compiled_workspace)
    ElementTree.fromstring(svg.out)
    for name in STEPS:
        assert name in mermaid.out
        assert name in svg.out


def test_fails_when_the_output_is_a_directory(run_smp: RunSmp, compiled_workspace: Path) -> None:
    done = run_smp(
        "graph", "fraud-check", "-o", compiled_workspace, "--workspace", compiled_workspace
    )
    assert (done.status, done.out) == (1, "")
    assert done.err == f"smp: {compiled_workspace}: is a directory\n"


def test_output_may_be_a_device(run_smp: RunSmp, compiled_workspace: Path) -> None:
    assert (
        run_smp("graph", "fraud-check", "-o", os.devnull, "--workspace", compiled_workspace).status
        == 0
    )
