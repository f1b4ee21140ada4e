"""`smp diff` and `smp graph --diff` in real git repositories: exit codes, formats, states, errors."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from smp.cli import main
from smp.cli.authoring import scaffold_model
from smp.definition.compiled import CompiledPipeline
from tests.cli.conftest import RunSmp
from tests.definition.test_assembly import make
from tests.review.repositories import commit_all, git, make_repository

SCRIPT = "model_configs/fraud_check/scripts/train.py"
ONE = "# one\n"
CONF = "model_configs/fraud_check/conf/conf.yaml"


@pytest.fixture(scope="session")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one model, whose pipeline is in the compile cache, with and without `ONE`."""
    root = make_repository(tmp_path_factory.mktemp("committed"))
    scaffold_model(root, "fraud_check")
    (root / ".gitignore").write_text(".smp\n")
    commit_all(root)
    git(root, "tag", "v1")
    command = ["diff", "--workspace", str(root), "-o", str(root.parent / "diff.txt")]
    assert main(command) == 0
    append(root, SCRIPT, ONE)
    assert main(command) == 3
    git(root, "checkout", "--quiet", "--", SCRIPT)
    return root


@pytest.fixture
def repository(committed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to change, as the current directory."""
    root = tmp_path / "app"
    shutil.copytree(committed, root, symlinks=True)
    monkeypatch.chdir(root)
    return root


def append(root: Path, path: str, text: str) -> None:
    with (root / path).open("a", encoding="utf-8") as file:
        file.write(text)


def replace_in(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text("utf-8")
    assert old in text
    (root / path).write_text(text.replace(old, new), "utf-8")


def compiled(root: Path) -> CompiledPipeline:
    """The committed pipeline, which the compile cache of a workspace holds."""
    kept = json.loads((root / ".smp" / "reviewed" / "fraud-check.json").read_text("utf-8"))
    return CompiledPipeline.from_json(kept["compiled"], root / ".smp" / "code")


@pytest.mark.parametrize("form", ["text", "markdown", "summary", "json"])
def test_nothing_changed_is_exit_0(form: str, repository: Path, run_smp: RunSmp) -> None:
    append(repository, "README.md", "not part of a pipeline\n")
    done = run_smp("diff", "--format", form)
    assert (done.status, done.err) == (0, "")
    if form == "json":
        assert json.loads(done.out)["changed"] is False
    else:
        assert done.out.count("\n") == 1
        assert done.out.startswith("Nothing changes: 1 pipeline in HEAD")


def test_a_changed_script_is_exit_3_and_its_lines_are_counted(
    repository: Path, run_smp: RunSmp
) -> None:
    append(repository, SCRIPT, ONE)
    done = run_smp("diff")
    assert (done.status, done.err) == (3, "")
    first = done.out.splitlines()[0]
    assert first.startswith("1 pipeline changes: fraud-check (")
    assert "code +1 \N{MINUS SIGN}0 in 1 file" in first
    assert "train.py  +1 \N{MINUS SIGN}0" in done.out
    assert "changed: code" in done.out
    value = json.loads(run_smp("diff", "--format", "json").out)
    (pipeline,) = value["pipelines"]
    assert value["changed"] is True
    assert [file["lines_added"] for file in pipeline["code"][0]["files"]] == [1]
    assert all(not step["changes"] for step in pipeline["steps"])


@pytest.mark.slow
def test_the_process_s_own_exit_codes(repository: Path) -> None:
    def status(*arguments: str) -> int:
        command = [sys.executable, "-m", "smp", "diff", *arguments]
        return subprocess.run(command, capture_output=True, cwd=repository, check=False).returncode

    assert status() == 0
    append(repository, SCRIPT, ONE)
    assert status() == 3
    assert status("--base", "no-such-ref") == 1
    assert status("--format", "yaml") == 2


@pytest.mark.slow
def test_two_refs_are_compared_without_the_working_tree(repository: Path, run_smp: RunSmp) -> None:
    replace_in(repository, CONF, "enable_cache: True", "enable_cache: False")
    commit_all(repository)
    (repository / CONF).write_text("broken: [", "utf-8")
    done = run_smp("diff", "--base", "v1", "--head", "HEAD")
    assert done.status == 3
    assert "cache" in done.out
    assert run_smp("diff", "--base", "HEAD", "--head", "HEAD").status == 0


@pytest.mark.slow
def test_a_pipeline_that_is_new_and_one_that_is_gone(repository: Path, run_smp: RunSmp) -> None:
    scaffold_model(repository, "churn")
    shutil.rmtree(repository / "model_configs" / "fraud_check")
    done = run_smp("diff")
    assert done.status == 3
    assert done.out.startswith("2 pipelines change: fraud-check (removed, 5 steps), churn (new,")
    only = run_smp("diff", "churn")
    assert only.out.startswith("1 pipeline changes: churn (new, 5 steps).")
    before = git(
        repository, "commit-tree", f"{git(repository, 'mktree', '--missing')}", "-m", "empty"
    )
    assert "(new, 5 steps)" in run_smp("diff", "--base", before).out


def test_an_assembly_is_a_state(repository: Path, tmp_path: Path, run_smp: RunSmp) -> None:
    assembly = make(tmp_path / "cdk.out", compiled(repository))
    assert run_smp("diff", "--base", assembly).status == 0
    append(repository, SCRIPT, ONE)
    assert run_smp("diff", "--base", assembly).status == 3
    done = run_smp("diff", "--base", "HEAD", "--head", assembly)
    assert done.status == 0


def test_markdown_writes_the_pictures_beside_it(
    repository: Path, tmp_path: Path, run_smp: RunSmp
) -> None:
    append(repository, SCRIPT, ONE)
    file = tmp_path / "out" / "review.md"
    assert run_smp("diff", "--format", "markdown", "-o", file).status == 3
    text = file.read_text("utf-8")
    assert "```mermaid" in text
    assert "(review-fraud-check.svg)" in text
    ElementTree.parse(file.with_name("review-fraud-check.svg"))
    assert "review-fraud-check.svg" not in run_smp("diff", "--format", "markdown").out


def test_prices_of_the_workspace_count(repository: Path, run_smp: RunSmp) -> None:
    append(repository, SCRIPT, ONE)
    prices = {"training": {"ml.m5.large": 0.1}, "processing": {}, "transform": {}}
    file = {"retrieved": "2026-11-20", "region": "eu-west-1", "currency": "USD", "per_hour": prices}
    (repository / "prices.json").write_text(json.dumps(file))
    assert "(prices of eu-west-1, 2026-11-20)" in run_smp("diff").out
    (repository / "prices.json").write_text("{")
    done = run_smp("diff")
    assert (done.status, done.out) == (1, "")
    assert "prices.json" in done.err


@pytest.mark.parametrize("form", ["mermaid", "svg"])
def test_graph_marks_what_changed(form: str, repository: Path, run_smp: RunSmp) -> None:
    append(repository, SCRIPT, ONE)
    done = run_smp("graph", "fraud-check", "--diff", "--format", form)
    assert (done.status, done.err) == (0, "")
    assert "changed" in done.out
    assert run_smp("graph", "fraud-check", "--base", "v1", "--format", form).out == done.out
    if form == "svg":
        ElementTree.fromstring(done.out)


def test_a_file_s_ending_says_what_is_written(
    repository: Path, run_smp: RunSmp, tmp_path: Path
) -> None:
    append(repository, SCRIPT, ONE)
    picture, review, fields = (tmp_path / name for name in ("a.svg", "b.md", "c.json"))
    run_smp("graph", "fraud-check", "--base", "v1", "-o", picture)
    run_smp("diff", "--base", "v1", "-o", review)
    run_smp("diff", "--base", "v1", "-o", fields)
    assert picture.read_text("utf-8").startswith("<svg")
    assert "### ~ `fraud-check`" in review.read_text("utf-8")
    assert json.loads(fields.read_text("utf-8"))["pipelines"]


@pytest.mark.usefixtures("repository")
def test_graph_of_what_did_not_change_marks_nothing(run_smp: RunSmp) -> None:
    done = run_smp("graph", "fraud-check", "--diff")
    assert done.status == 0
    assert "classDef" not in done.out


@pytest.mark.usefixtures("repository")
def test_fails_on_an_unknown_ref_with_a_near_name(run_smp: RunSmp) -> None:
    done = run_smp("diff", "--base", "mian")
    assert (done.status, done.out) == (1, "")
    assert "there is no commit 'mian'" in done.err
    assert "did you mean 'main'?" in done.err


@pytest.mark.usefixtures("repository")
def test_fails_on_an_unknown_pipeline_with_a_near_name(run_smp: RunSmp) -> None:
    done = run_smp("diff", "fraud-chek")
    assert (done.status, done.out) == (1, "")
    assert "there is no pipeline 'fraud-chek' in either state" in done.err
    assert "did you mean 'fraud-check'?" in done.err


def test_fails_with_the_place_at_the_ref(repository: Path, run_smp: RunSmp) -> None:
    replace_in(repository, CONF, "enable_cache: True", "enable_cash: True")
    commit_all(repository)
    replace_in(repository, CONF, "enable_cash: True", "enable_cache: True")
    done = run_smp("diff")
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"HEAD:{CONF}:")
    shutil.rmtree(repository / "model_configs" / "fraud_check" / "scripts")
    git(repository, "checkout", "--quiet", "v1", "--", CONF)
    commit_all(repository)
    git(repository, "checkout", "--quiet", "v1", "--", "model_configs")
    done = run_smp("diff")
    assert done.status == 1
    assert f"HEAD:{CONF}:" in done.err
    assert "/tmp" not in done.err


def test_fails_outside_of_a_repository(workspace: Path, run_smp: RunSmp) -> None:
    done = run_smp("diff", "--workspace", workspace)
    assert (done.status, done.out) == (1, "")
    assert "is not a git repository" in done.err


def test_nothing_of_a_ref_stays_behind(
    repository: Path, tmp_path: Path, run_smp: RunSmp, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    append(repository, SCRIPT, ONE)
    assert run_smp("diff").status == 3
    assert list(place.iterdir()) == []
    assert git(repository, "status", "--porcelain") == f"M {SCRIPT}"
