"""Real git repositories for tests: made, committed to, and asked by the real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

IDENTITY = (
    "-c",
    "user.name=test",
    "-c",
    "user.email=test@example.com",
    "-c",
    "commit.gpgsign=false",
)


def git(directory: Path, *arguments: str) -> str:
    """Run git without the settings of anyone who runs the tests, and return what it writes."""
    done = subprocess.run(
        ["git", *IDENTITY, "-C", str(directory), *arguments],
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def make_repository(directory: Path, branch: str = "main") -> Path:
    """Make a directory a repository."""
    directory.mkdir(parents=True, exist_ok=True)
    git(directory, "init", "--quiet", "--initial-branch", branch)
    return directory


def commit_all(directory: Path, message: str = "change") -> str:
    """Commit everything in a repository and return the commit."""
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(directory, "rev-parse", "HEAD")
