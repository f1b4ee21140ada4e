"""Git repositories on this machine: the app's, cloned from this checkout, and those of two models.

It never pushes anywhere but to a directory of the test's own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smp.cli.authoring import scaffold_model

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("fraud_detection", "demand_forecast")

_IDENTITY = {
    "GIT_AUTHOR_NAME": "Author",
    "GIT_AUTHOR_EMAIL": "author@example.com",
    "GIT_COMMITTER_NAME": "Author",
    "GIT_COMMITTER_EMAIL": "author@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


def git(directory: Path, *arguments: str) -> str:
    """Run git without any setting of this machine's."""
    finished = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), **_IDENTITY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@dataclass(frozen=True)
class Repository:
    """A repository with a working tree."""

    directory: Path

    def commit(self, message: str) -> str:
        """Commit all that lies there and return the commit."""
        git(self.directory, "add", "--all")
        git(self.directory, "commit", "--quiet", "--allow-empty", "--message", message)
        return self.head

    @property
    def head(self) -> str:
        return git(self.directory, "rev-parse", "HEAD")

    def change(self, file: str, old: str, new: str) -> str:
        """Replace a text that stands once in a file, and commit."""
        path = self.directory / file
        text = path.read_text("utf-8")
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times"
        path.write_text(text.replace(old, new), "utf-8")
        return self.commit(f"{old} -> {new}")

    def archive(self, target: Path, revision: str = "HEAD") -> Path:
        """Unpack a revision as CodePipeline hands it to a build: its files, without `.git`."""
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        packed = target.with_suffix(".tar")
        git(self.directory, "archive", "--output", str(packed), revision)
        shutil.unpack_archive(packed, target)
        packed.unlink()
        return target


def make_model_repository(place: Path, name: str) -> Repository:
    """Make a repository of what `smp init` writes."""
    made = place / "made"
    made.mkdir(exist_ok=True)
    scaffold_model(made, name).rename(place / name)
    repository = Repository(place / name)
    git(repository.directory, "init", "--quiet", "--initial-branch", "main")
    repository.commit("First version")
    return repository


def clone_app(place: Path, change_settings: Callable[[dict[str, Any]], None]) -> Repository:
    """Clone this checkout without the example models, with settings of the test's own."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git and its checkout")
    git(place, "clone", "--quiet", "--no-hardlinks", "--single-branch", str(ROOT), "app")
    repository = Repository(place / "app")
    for example in (repository.directory / "model_configs").iterdir():
        shutil.rmtree(example)
    file = repository.directory / "cdk.json"
    written = json.loads(file.read_text("utf-8"))
    change_settings(written["context"]["smp"])
    file.write_text(json.dumps(written, indent=2) + "\n", "utf-8")
    repository.commit("Own settings, no examples")
    return repository
