"""Runs `smp` in this process, and gives workspaces to run it in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from smp.cli import main
from smp.cli.authoring import scaffold_model


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    out: str
    err: str


RunSmp = Callable[..., Done]


@pytest.fixture
def run_smp(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> RunSmp:
    """Run a command; the terminal is 80 wide and no variable of the caller's has a say."""
    for name in ("SMP_MODEL_CONFIGPATH", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: str | Path) -> Done:
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with the one model that `smp init` makes."""
    scaffold_model(tmp_path, "fraud_check")
    return tmp_path


@pytest.fixture(scope="session")
def compiled_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace for reading whose pipeline is in the compile cache already."""
    workspace = tmp_path_factory.mktemp("compiled")
    scaffold_model(workspace, "fraud_check")
    file = str(workspace / "definition.json")
    assert main(["compile", "fraud-check", "-o", file, "--workspace", str(workspace)]) == 0
    return workspace


@pytest.fixture
def broken_workspace(workspace: Path) -> Path:
    """The same with two mistakes, on lines that the tests name."""
    conf = workspace / "model_configs" / "fraud_check" / "conf" / "conf.yaml"
    text = conf.read_text("utf-8")
    text = text.replace("enable_cache: True", "enable_cash: True")
    text = text.replace("max_runtime_seconds: 1800", "max_runtime_seconds: soon")
    conf.write_text(text, "utf-8")
    return workspace
