"""A workspace as it was at a git ref: every file as it was stored, and nothing run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from smp.config.read.files import DEFAULT_PATTERN
from smp.errors import SetupError
from smp.review.states.git_ref import find_ref
from tests.review.repositories import commit_all, git, make_repository

CONF = "model_configs/fraud/conf/conf.yaml"
SCRIPT = "model_configs/fraud/scripts/train.py"


def put(root: Path, path: str, text: str | bytes) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def files_at(workspace: Path, ref: str, pattern: str = DEFAULT_PATTERN) -> dict[str, bytes]:
    """Return what a ref's workspace looks like: files by path, links by `-> target`."""
    with find_ref(workspace, ref).extracted(pattern) as extracted:
        root = extracted.directory
        return {
            path.relative_to(root).as_posix(): f"-> {path.readlink()}".encode()
            if path.is_symlink()
            else path.read_bytes()
            for path in sorted(root.rglob("*"))
            if path.is_symlink() or path.is_file()
        }


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = make_repository(tmp_path / "app")
    put(root, CONF, "one\n")
    put(root, SCRIPT, "print(1)\n")
    put(root, "README.md", "not a config\n")
    commit_all(root)
    git(root, "branch", "release-2026")
    return root


def test_the_files_are_those_of_the_ref(workspace: Path) -> None:
    put(workspace, SCRIPT, "print(2)\n")
    put(workspace, "model_configs/fraud/scripts/new.py", "new\n")
    expected = {CONF: b"one\n", SCRIPT: b"print(1)\n"}
    assert files_at(workspace, "HEAD") == expected
    commit_all(workspace)
    assert files_at(workspace, "HEAD~1") == expected
    assert files_at(workspace, "release-2026") == expected
    assert files_at(workspace, "HEAD")[SCRIPT] == b"print(2)\n"


def test_a_workspace_below_the_repository_s_top(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "mono")
    put(top, f"ml/app/{CONF}", "one\n")
    put(top, "model_configs/other/conf/conf.yaml", "not this one\n")
    commit_all(top)
    assert files_at(top / "ml" / "app", "HEAD") == {CONF: b"one\n"}


def test_bytes_come_as_they_were_stored_whatever_the_attributes_say(workspace: Path) -> None:
    put(
        workspace, ".gitattributes", "*.py text eol=crlf\n*.bin export-ignore\n*.txt export-subst\n"
    )
    put(workspace, "model_configs/fraud/scripts/a.txt", "$Format:%H$\n")
    put(workspace, "model_configs/fraud/scripts/b.bin", b"\x00\xff\n\n")
    put(workspace, "model_configs/fraud/scripts/ä ö\t.py", "x\n")
    commit_all(workspace)
    found = files_at(workspace, "HEAD")
    assert found["model_configs/fraud/scripts/a.txt"] == b"$Format:%H$\n"
    assert found["model_configs/fraud/scripts/b.bin"] == b"\x00\xff\n\n"
    assert found["model_configs/fraud/scripts/ä ö\t.py"] == b"x\n"
    assert found[SCRIPT] == b"print(1)\n"


def test_no_hook_or_filter_of_the_repository_runs(workspace: Path, tmp_path: Path) -> None:
    proof = tmp_path / "it ran"
    script = f"#!/bin/sh\ntouch '{proof}'\ncat\n"
    for hook in ("post-checkout", "pre-auto-gc", "fsmonitor-watchman", "post-index-change"):
        put(workspace, f".git/hooks/{hook}", script).chmod(0o755)
    put(workspace, ".gitattributes", "*.py filter=evil diff=evil\n")
    commit_all(workspace)
    runs = str(workspace / ".git" / "hooks" / "post-checkout")
    for key in ("filter.evil.smudge", "filter.evil.clean", "core.fsmonitor", "diff.evil.textconv"):
        git(workspace, "config", key, runs)
    for key in ("core.pager", "core.editor", "core.sshCommand", "credential.helper"):
        git(workspace, "config", key, f"!{runs}")
    git(workspace, "config", "core.hooksPath", str(workspace / ".git" / "hooks"))
    proof.unlink(missing_ok=True)
    assert files_at(workspace, "HEAD")[SCRIPT] == b"print(1)\n"
    assert not proof.exists()


def test_the_variables_that_a_hook_sets_do_not_lead_elsewhere(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_repository(tmp_path / "other")
    commit_all(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert SCRIPT in files_at(workspace, "HEAD")


def test_links_are_links_and_nothing_is_written_through_one(
    workspace: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    blob = git(workspace, "rev-parse", f"HEAD:{SCRIPT}")
    put(workspace, "target", str(outside))
    target = git(workspace, "hash-object", "-w", "target")
    evil = subprocess.run(
        ["git", "-C", str(workspace), "mktree"],
        input=f"100644 blob {blob}\tinside.py\n".encode(),
        capture_output=True,
        check=True,
    ).stdout.decode()
    tree = _tree(workspace, f"120000 blob {target}\tlink\n")
    models = _tree(workspace, f"040000 tree {tree}\tfraud\n040000 tree {evil.strip()}\tother\n")
    top = _tree(workspace, f"040000 tree {models}\tmodel_configs\n")
    commit = git(workspace, "commit-tree", top, "-m", "links")
    found = files_at(workspace, commit)
    assert found["model_configs/fraud/link"] == f"-> {outside}".encode()
    assert list(outside.iterdir()) == []


def _tree(repository: Path, entries: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), "mktree"],
        input=entries.encode(),
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().strip()


def test_a_model_that_is_a_repository_of_its_own_is_read_from_it(workspace: Path) -> None:
    own = make_repository(workspace / "model_configs" / "churn")
    put(own, "conf/conf.yaml", "own\n")
    put(own, "scripts/train.py", "own 1\n")
    commit_all(own)
    git(own, "branch", "release-2026")
    put(own, "scripts/train.py", "own 2\n")
    commit_all(own)
    put(workspace, ".gitignore", "model_configs/churn\n")
    commit_all(workspace)

    assert files_at(workspace, "HEAD")["model_configs/churn/scripts/train.py"] == b"own 2\n"
    at_release = files_at(workspace, "release-2026")
    assert at_release["model_configs/churn/scripts/train.py"] == b"own 1\n"
    assert at_release[SCRIPT] == b"print(1)\n"
    git(own, "update-ref", "HEAD", "HEAD~1")
    with pytest.raises(SetupError, match=r"no commit 'HEAD~1' in .*/churn") as caught:
        files_at(workspace, "HEAD~1")
    assert "branch, tag or commit" in str(caught.value)


def test_a_submodule_is_read_at_the_commit_that_the_workspace_recorded(
    workspace: Path, tmp_path: Path
) -> None:
    source = make_repository(tmp_path / "source")
    put(source, "conf/conf.yaml", "sub 1\n")
    commit_all(source)
    allow = ("-c", "protocol.file.allow=always")
    git(workspace, *allow, "submodule", "--quiet", "add", str(source), "model_configs/sub")
    commit_all(workspace)
    put(workspace, "model_configs/sub/conf/conf.yaml", "sub 2\n")
    commit_all(workspace / "model_configs" / "sub")
    found = files_at(workspace, "HEAD")
    assert found["model_configs/sub/conf/conf.yaml"] == b"sub 1\n"


def test_a_linked_model_directory_is_read_from_where_it_leads(
    workspace: Path, tmp_path: Path
) -> None:
    other = make_repository(tmp_path / "elsewhere")
    put(other, "conf/conf.yaml", "linked\n")
    commit_all(other)
    put(other, "conf/conf.yaml", "not committed\n")
    (workspace / "model_configs" / "linked").symlink_to(other)
    found = files_at(workspace, "HEAD")
    assert found["model_configs/linked/conf/conf.yaml"] == b"linked\n"


def test_only_the_models_are_repositories(tmp_path: Path) -> None:
    own = make_repository(tmp_path / "model_configs" / "churn")
    put(own, "conf/conf.yaml", "own\n")
    commit_all(own)
    ref = find_ref(tmp_path, "HEAD")
    assert ref.label == "HEAD"
    assert files_at(tmp_path, "HEAD") == {"model_configs/churn/conf/conf.yaml": b"own\n"}


def test_a_ref_from_before_the_first_config_is_empty(tmp_path: Path) -> None:
    root = make_repository(tmp_path)
    put(root, "README.md", "first\n")
    commit_all(root)
    put(root, CONF, "one\n")
    with find_ref(root, "HEAD").extracted(DEFAULT_PATTERN) as extracted:
        assert extracted.is_empty


def test_the_label_names_the_commit(workspace: Path) -> None:
    commit = git(workspace, "rev-parse", "HEAD")
    assert find_ref(workspace, "main").label == f"main ({commit[:7]})"
    assert find_ref(workspace, commit).label == commit[:12]


def test_fails_on_an_unknown_ref_with_a_near_name(workspace: Path) -> None:
    with pytest.raises(SetupError) as caught:
        find_ref(workspace, "relese-2026")
    (problem,) = caught.value.problems
    assert problem.reason == f"there is no commit 'relese-2026' in {workspace}"
    assert problem.hint == "did you mean 'release-2026'?"


@pytest.mark.parametrize(
    "ref", ["--upload-pack=touch x", "-h", "", "HEAD:README.md", "a b", "..", "@{"]
)
def test_fails_on_what_is_no_ref_and_never_takes_it_for_an_option(
    ref: str, workspace: Path
) -> None:
    with pytest.raises(SetupError, match="there is no commit"):
        find_ref(workspace, ref)


def test_fails_in_a_shallow_clone_with_the_way_out(workspace: Path, tmp_path: Path) -> None:
    put(workspace, SCRIPT, "print(2)\n")
    commit_all(workspace)
    clone = tmp_path / "clone"
    allow = ("-c", "protocol.file.allow=always")
    git(tmp_path, *allow, "clone", "--quiet", "--depth=1", f"file://{workspace}", str(clone))
    with pytest.raises(SetupError, match="shallow"):
        find_ref(clone, "HEAD~1")


def test_fails_where_nothing_is_a_repository(tmp_path: Path) -> None:
    put(tmp_path, CONF, "one\n")
    with pytest.raises(SetupError, match="is not a git repository"):
        files_at(tmp_path, "HEAD")


def test_fails_on_a_pattern_that_leads_out_of_the_workspace(workspace: Path) -> None:
    with pytest.raises(SetupError, match="leads out of"):
        files_at(workspace, "HEAD", "../*/conf.yaml")


def test_fails_without_git(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workspace))
    with pytest.raises(SetupError, match="git is not installed"):
        find_ref(workspace, "HEAD")
