"""What a model's repository may try: each is refused with a clear message, and nothing of it runs.

Beside the hostile repository lie a good one and one with a mistake: the mistake is told too.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from smp.cli import main
from smp.cli.authoring import scaffold_model
from tests.delivery.attacks import ATTACKS, SEEN_BEHIND_MISTAKES, Prepare, replace
from tests.delivery.traps import set_traps

MISTAKE = (
    "model_configs/other/conf/conf.yaml:17:22: conf.models.other.train.entry_point: there is no such"
    " file\n    found: 'trian.py'\n    hint: create it, or correct the path; it is looked up in"
    " WORKSPACE/model_configs/other/scripts\n"
)


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three repositories: a good one, one full of files that would run, one with a mistake."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-tell")
    for name in ("good", "fraud", "other"):
        scaffold_model(tmp_path, name)
    set_traps(tmp_path / "model_configs" / "fraud", tmp_path / "canary")
    replace(tmp_path / "model_configs" / "other", "entry_point: train.py", "entry_point: trian.py")
    return tmp_path


def validate(workspace: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    status = main(["validate", "--workspace", str(workspace)])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "do-not-tell" not in captured.err
    assert captured.err.isprintable() or set(captured.err) - {"\n"} == {
        character for character in captured.err if character.isprintable()
    }
    return status, captured.err.replace(str(workspace.resolve()), "WORKSPACE")


@pytest.mark.parametrize(("attack", "message"), ATTACKS.values(), ids=ATTACKS)
def test_fails_with_the_attack_and_the_mistake_of_the_other_repository(
    attack: Prepare, message: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    attack(workspace / "model_configs" / "fraud")
    assert validate(workspace, capsys) == (1, f"{message}\n{MISTAKE}2 problems\n")
    assert not (workspace / "canary").exists()


@pytest.mark.parametrize(
    ("attack", "message"), SEEN_BEHIND_MISTAKES.values(), ids=SEEN_BEHIND_MISTAKES
)
def test_fails_for_what_would_reach_a_command(
    attack: Prepare, message: str, workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(workspace / "model_configs" / "other", "entry_point: trian.py", "entry_point: train.py")
    attack(workspace / "model_configs" / "fraud")
    assert validate(workspace, capsys) == (1, f"{message}\n")
    assert not (workspace / "canary").exists()


@pytest.mark.parametrize("place", [".", "model_configs/fraud", "model_configs/fraud/scripts"])
@pytest.mark.slow
def test_no_command_imports_anything_of_a_model_wherever_it_runs(
    place: str, workspace: Path
) -> None:
    replace(workspace / "model_configs" / "other", "entry_point: trian.py", "entry_point: train.py")
    program = str(Path(sys.executable).with_name("smp"))
    for arguments in (["validate"], ["compile", "fraud"]):
        finished = subprocess.run(
            [program, *arguments, "--workspace", str(workspace)],
            cwd=workspace / place,
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert not (workspace / "canary").exists(), (workspace / "canary").read_text()
