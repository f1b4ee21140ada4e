"""The pages that people read: their commands run, their snippets hold."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import smp
from smp.cli.reference import render_reference
from tests.cli.conftest import RunSmp

ROOT = Path(smp.__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")

BEYOND_A_TEST = re.compile(r"make [a-z]+|\. \.venv/bin/activate|tools/cdk .+|aws .+|python .+")
"""Lines of the README that install, deploy or stage data; other tests see to those that can run."""


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_the_command_reference_is_current() -> None:
    """Write it anew with `python -m smp.cli.reference > docs/cli.md`."""
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == render_reference()


@pytest.mark.slow
def test_the_picture_of_housing_is_current(run_smp: RunSmp, tmp_path: Path) -> None:
    """Draw it anew with `smp graph housing --format svg -o docs/housing.svg`."""
    shutil.copytree(ROOT / "model_configs", tmp_path / "model_configs")
    done = run_smp("graph", "housing", "--format", "svg", "--workspace", tmp_path)
    assert (ROOT / "docs" / "housing.svg").read_text("utf-8") == done.out


@pytest.mark.slow
def test_every_smp_command_of_the_readme_runs(
    run_smp: RunSmp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "model_configs", tmp_path / "model_configs")
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("smp ")]
    tested_elsewhere = {"stage", "run", "show", "report", "models"}
    here = {"validate", "list", "graph", "compile", "init"}
    assert {command[0] for command in commands} == here | tested_elsewhere
    for command in [command for command in commands if command[0] in here]:
        done = run_smp(*command)
        assert (done.status, done.err) == (0, ""), command
    assert (tmp_path / "build" / "housing.svg").is_file()
    assert (tmp_path / "build" / "churn-lightgbm.json").is_file()


def test_other_commands_of_the_readme_name_things_that_exist() -> None:
    lines = [line for block in blocks(README, "sh") for line in block.splitlines()]
    others = [line for line in lines if not line.startswith("smp ")]
    assert all(BEYOND_A_TEST.fullmatch(line) for line in others)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for line in others:
        command, argument = line.split()[:2]
        if command == "make":
            assert re.search(rf"^{argument}:", makefile, re.MULTILINE)
        if command in ("python", "tools/cdk"):
            assert (ROOT / (argument if command == "python" else command)).is_file()


def test_the_config_of_the_readme_is_the_bundled_one_shortened() -> None:
    shown = yaml.safe_load("".join(blocks(README, "yaml")))
    bundled = yaml.safe_load(
        (ROOT / "model_configs" / "churn_lightgbm" / "conf" / "conf.yaml").read_text("utf-8")
    )
    assert_part_of(shown, bundled)


def assert_part_of(part: object, whole: object) -> None:
    """Every key, item and value of `part` stands in `whole` at the same place."""
    if isinstance(part, dict):
        assert isinstance(whole, dict)
        for key, value in part.items():
            assert_part_of(value, whole[key])
    elif isinstance(part, list):
        assert isinstance(whole, list)
        for item in part:
            name = "step_name" if isinstance(item, dict) and "step_name" in item else None
            same = [other for other in whole if name and other[name] == item[name]]
            assert_part_of(item, same[0] if same else whole[part.index(item)])
    else:
        assert part == whole


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in (ROOT / "docs" / "adr").glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))


def test_the_readme_names_every_bundled_pipeline_and_model() -> None:
    for conf in (ROOT / "model_configs").glob("*/conf/*.yaml"):
        assert f"[{conf.parents[1].name}](model_configs/{conf.parents[1].name}/README.md)" in README
        section = yaml.safe_load(conf.read_text("utf-8"))["conf"].get("sagemakerPipeline")
        assert section is None or f"`{section['pipelineName']}`" in README


DEPLOY_BY_HAND = """
import sys
from pathlib import Path

from stacks.context import read_context
from stacks.environment import Environment, new_app
from stacks.settings import load_deployment

WORKSPACE = Path(sys.argv[1])
context = read_context(Path(sys.argv[2]), {{}})
deployment = load_deployment(context, {{}}, WORKSPACE)
app = new_app(context, WORKSPACE / "cdk.out")
environment = Environment(app, deployment)
{block}
app.synth()
"""


@pytest.mark.slow
def test_the_pipeline_written_in_python_is_deployed_by_the_same_construct(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "sdk-pipelines.md").read_text("utf-8")
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    deploy = ""
    for block in blocks(page, "python"):
        place, code = block.split("\n", 1)
        if place == "# app.py":
            deploy = DEPLOY_BY_HAND.format(block=code)
        else:
            file = tmp_path / place.removeprefix("# ")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-c", deploy, str(tmp_path), str(ROOT)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    template = (tmp_path / "cdk.out" / "Smp-Pipeline-nightly.template.json").read_text("utf-8")
    assert '"Type": "AWS::SageMaker::Pipeline"' in template
    assert "nightly-training" in template
    assert "000000000000" not in template
