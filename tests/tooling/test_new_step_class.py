"""The skeleton of a step class is in every table, and the tests ask for what only its author knows."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.new_step_class import (
    CLASSES,
    REFERENCE,
    ROOT,
    UNION,
    Names,
    PlaceNotFoundError,
    edits,
    new_files,
    write,
)

COPIED = ("smp", "tests", "docs", "tools", "pyproject.toml", "schema", "model_configs")
TABLES = ("tests/graph/test_step_classes.py", "tests/definition/test_step_types.py")


@pytest.mark.parametrize(
    ("name", "stem"),
    [("DeleteModel", "delete_model"), ("EMRServerless", "emr_serverless"), ("Fail", "fail")],
)
def test_files_are_named_after_the_class(name: str, stem: str) -> None:
    assert Names(name, name).stem == stem


def test_a_class_of_a_known_type_changes_no_table_of_types() -> None:
    changed = edits(Names("AskSomebody", "Callback"), ROOT)
    assert sorted(changed) == [REFERENCE, UNION, CLASSES]


def test_fails_for_a_class_that_is_there() -> None:
    path = next(iter(new_files(Names("NotebookJob", "NotebookJob"))))
    with pytest.raises(FileExistsError, match=re.escape(path)):
        write(Names("NotebookJob", "Training"), ROOT)


def test_fails_for_a_table_in_another_form(tmp_path: Path) -> None:
    for path in edits(Names("Odd", "Lambda"), ROOT):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("from smp.errors import SmpError\n", "utf-8")
    with pytest.raises(PlaceNotFoundError, match=r"SECTIONS"):
        write(Names("Odd", "Lambda"), tmp_path)


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_a_skeleton_lacks_only_what_its_author_knows(tmp_path: Path) -> None:
    for name in COPIED:
        place, ignored = ROOT / name, shutil.ignore_patterns("__pycache__")
        if place.is_dir():
            shutil.copytree(place, tmp_path / name, ignore=ignored)
        else:
            shutil.copy2(place, tmp_path / name)
    assert run(tmp_path, "tools.new_step_class", "CheckDrift").returncode == 0
    checked = run(tmp_path, "ruff", "check", "--no-cache", "smp", "tests/compiler")
    assert checked.returncode == 0, checked.stdout
    formatted = run(tmp_path, "ruff", "format", "--check", "--no-cache", "smp", "tests/compiler")
    assert formatted.returncode == 0, formatted.stdout
    own = "tests/compiler/test_check_drift.py"
    done = run(tmp_path, "pytest", "-q", "-n", "0", *TABLES, own)
    assert re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE) == [
        "test_metadata_are_members_that_an_execution_describes_steps_in",
        "test_a_step_has_the_type_of_its_class",
    ], done.stdout + done.stderr
