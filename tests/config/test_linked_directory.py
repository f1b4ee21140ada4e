"""A model repository that a build has linked into the workspace: its content is held inside it.

In a build of the delivery `model_configs/<name>` is a link to where the repository was unpacked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smp.compiler.cache.compile_all import compile_all
from smp.config.load import load_project
from smp.errors import SmpError
from smp.graph import build_graphs

EXAMPLE = Path(__file__).resolve().parents[2] / "model_configs" / "churn_lightgbm"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Where a model repository was unpacked, beside the workspace."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "src" / "02"))


@pytest.fixture
def workspace(tmp_path: Path, repository: Path) -> Path:
    directory = tmp_path / "src" / "01"
    (directory / "model_configs").mkdir(parents=True)
    (directory / "model_configs" / "fraud_detection").symlink_to(repository)
    return directory


def problems(workspace: Path) -> str:
    with pytest.raises(SmpError) as caught:
        load_project(workspace)
    return str(caught.value)


def test_a_linked_model_repository_is_loaded(workspace: Path, repository: Path) -> None:
    (model,) = load_project(workspace).models.values()
    assert model.directory == repository
    assert model.source_directory == repository / "scripts"


def test_a_source_directory_may_be_named_from_the_workspace(
    workspace: Path, repository: Path
) -> None:
    config = repository / "conf" / "conf.yaml"
    text = config.read_text("utf-8")
    written = "source_directory: scripts"
    assert written in text
    config.write_text(text.replace(written, f"{written[:-7]}model_configs/fraud_detection/scripts"))
    (model,) = load_project(workspace).models.values()
    assert model.source_directory == repository / "scripts"


@pytest.mark.slow
def test_it_compiles_to_what_it_compiles_to_without_a_link(
    workspace: Path, repository: Path, tmp_path: Path
) -> None:
    linked = compile_all(build_graphs(load_project(workspace)), tmp_path / "first").result()
    link = workspace / "model_configs" / "fraud_detection"
    link.unlink()
    shutil.copytree(repository, link)
    copied = compile_all(build_graphs(load_project(workspace)), tmp_path / "second").result()
    assert [each.to_json() for each in linked] == [each.to_json() for each in copied]


def test_fails_where_a_script_is_a_link_to_another_repository(
    workspace: Path, repository: Path
) -> None:
    script = repository / "scripts" / "train.py"
    script.rename(workspace / "train.py")
    script.symlink_to(workspace / "train.py")
    assert "is a link out of the model's own directory" in problems(workspace)


def test_fails_where_the_source_directory_leads_to_the_workspace(
    workspace: Path, repository: Path
) -> None:
    shutil.move(repository / "scripts", workspace / "scripts")
    (repository / "scripts").symlink_to(workspace / "scripts")
    assert "leads out of the model's own directory" in problems(workspace)


def test_fails_where_the_configuration_is_a_link_out_of_the_repository(
    workspace: Path, repository: Path
) -> None:
    config = repository / "conf" / "conf.yaml"
    config.rename(workspace / "conf.yaml")
    config.symlink_to(workspace / "conf.yaml")
    assert "is a link out of the model's own directory" in problems(workspace)


def test_fails_where_the_directory_of_configurations_is_a_link_out(
    workspace: Path, repository: Path
) -> None:
    shutil.move(repository / "conf", workspace / "conf")
    (repository / "conf").symlink_to(workspace / "conf")
    assert "is a link out of the model's own directory" in problems(workspace)
