"""What a pull request is checked with: which pipelines count, the review, the smoke run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from smp.cli.authoring import scaffold_model
from smp.errors import SetupError
from tools.pull_request import concerned, main, withhold_credentials


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two models, each with a pipeline of its own, and the state before in git."""
    for model in ("fraud_check", "demand_check"):
        scaffold_model(tmp_path, model)
    (tmp_path / ".gitignore").write_text(".smp/\nbuild/\n", "utf-8")
    for arguments in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qm", "base"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    return tmp_path


def names(workspace: Path, model: str) -> list[str]:
    return [graph.pipeline.config.pipeline_name for graph in concerned(workspace, model)]


def test_a_model_concerns_the_pipelines_that_it_takes_part_in(workspace: Path) -> None:
    assert names(workspace, "fraud_check") == ["fraud-check"]
    assert sorted(names(workspace, "")) == ["demand-check", "fraud-check"]


def test_fails_for_a_directory_without_a_configuration(workspace: Path) -> None:
    with pytest.raises(SetupError, match="no pipeline uses a model of the directory") as caught:
        concerned(workspace, "fraud_chek")
    assert "did you mean 'fraud_check'" in str(caught.value)


@pytest.mark.slow
def test_a_review_says_what_changes_and_does_not_fail(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = workspace / "model_configs" / "fraud_check" / "conf" / "conf.yaml"
    text = conf.read_text("utf-8")
    assert "ml.m5.large" in text
    conf.write_text(text.replace("ml.m5.large", "ml.m5.4xlarge"), "utf-8")
    arguments = ["review", "--workspace", str(workspace), "--model", "fraud_check"]
    assert main(arguments) == 0
    assert "ml.m5.4xlarge" in capsys.readouterr().out
    assert "ml.m5.4xlarge" in (workspace / "build" / "review.md").read_text("utf-8")


OVERLAY = """\
  environments:
    dev:
      models:
        fraud_check:
          train:
            instance_type: ml.c5.xlarge
"""


@pytest.mark.slow
def test_a_review_reads_the_configs_as_they_are_for_an_environment(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    conf = workspace / "model_configs" / "fraud_check" / "conf" / "conf.yaml"
    conf.write_text(f"{conf.read_text('utf-8').rstrip()}\n{OVERLAY}", "utf-8")
    arguments = ["review", "--workspace", str(workspace), "--model", "fraud_check"]
    assert main(arguments) == 0
    assert "ml.c5.xlarge" not in capsys.readouterr().out
    assert main([*arguments, "--environment", "dev"]) == 0
    assert "ml.c5.xlarge" in capsys.readouterr().out


@pytest.mark.slow
def test_fails_a_review_against_what_is_not_there(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["review", "--workspace", str(workspace), "--base", "nowhere"]) == 1
    assert "nowhere" in capsys.readouterr().err


def test_fails_a_review_whose_options_for_aws_are_wrong(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--base", "deployed", "--region", "eu-west-1", "--assume-role", "review"]
    assert main(["review", "--workspace", str(workspace), *options]) == 1
    assert "--assume-role" in capsys.readouterr().err


@pytest.mark.slow
def test_a_smoke_run_stages_and_runs_what_brings_data(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    (workspace / "model_configs" / "demand_check" / "prepare_data.py").unlink()
    for model in ("fraud_check", "demand_check"):
        (workspace / "model_configs" / model / "requirements-local.txt").unlink(missing_ok=True)
    assert main(["smoke-run", "--workspace", str(workspace)]) == 0
    said = capfd.readouterr()
    assert "demand-check: not run, since none of its models has a prepare_data.py" in said.out
    assert "fraud-check: Succeeded" in said.err


@pytest.mark.slow
def test_fails_a_smoke_run_where_a_script_fails(
    workspace: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    model = workspace / "model_configs" / "fraud_check"
    (model / "requirements-local.txt").unlink(missing_ok=True)
    (model / "scripts" / "train.py").write_text("raise SystemExit(3)\n", "utf-8")
    arguments = ["smoke-run", "--workspace", str(workspace), "--model", "fraud_check"]
    assert main(arguments) == 1
    assert "failed: fraud-check" in capfd.readouterr().err


def test_a_smoke_run_withholds_what_leads_to_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    os.environ.update(
        AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="/v2",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="t",
        PATH="/bin",
    )
    withhold_credentials()
    assert dict(os.environ) == {"PATH": "/bin", "PIP_ONLY_BINARY": ":all:"}
