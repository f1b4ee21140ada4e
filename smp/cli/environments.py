"""The option for the environment of configs, and what depends on it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from smp.errors import SetupError


def add_environment_option(command: argparse.ArgumentParser) -> None:
    """Add `--environment`."""
    command.add_argument(
        "--environment",
        metavar="NAME",
        help="read the configs as they are for this environment: with conf.environments.NAME of "
        "each file over the rest of it (default: without any)",
    )


def known_environments(workspace: Path) -> tuple[str, ...]:
    """Return the environments that the workspace's `cdk.json` names; none where there is no such file.

    Raises SetupError where it cannot be read.
    """
    file = workspace / "cdk.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from error
    for key in ("context", "smp", "environments"):
        settings = settings.get(key) if isinstance(settings, dict) else None
    return tuple(settings) if isinstance(settings, dict) else ()
