"""What the commands share: the options that name a workspace, and how its configs are loaded."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from smp.cli.aws_options import add_aws_options
from smp.cli.environments import add_environment_option, known_environments
from smp.config.read.files import DEFAULT_PATTERN

if TYPE_CHECKING:
    from smp.config.project import Project
    from smp.local.store.places import Places

WORK_DIRECTORY = ".smp"
PATTERN_VARIABLE = "SMP_MODEL_CONFIGPATH"

DEPLOYED = "deployed"
STATES = "a branch, tag or commit of git, or a directory with an assembly of the app (cdk.out)"

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_workspace_option(command: argparse.ArgumentParser) -> None:
    """Add `--workspace`."""
    command.add_argument(
        "--workspace",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="directory that holds the model configs (default: the current directory)",
    )


def places_of(arguments: argparse.Namespace) -> Places:
    """Return where the local runs of the workspace keep things."""
    from smp.local.store.places import Places

    return Places((arguments.workspace / WORK_DIRECTORY).resolve())


def add_models_option(command: argparse.ArgumentParser) -> None:
    """Add `--models` and `--environment`: which configs are read, and how."""
    add_environment_option(command)
    command.add_argument(
        "--models",
        metavar="GLOB",
        help="config files, relative to the workspace (default: the environment variable "
        f"{PATTERN_VARIABLE}, else model_configs/*/conf/*.yaml)",
    )


def add_base_option(command: argparse.ArgumentParser) -> None:
    """Add `--base`, and what reading the deployed pipelines takes."""
    command.add_argument(
        "--base",
        metavar="STATE",
        help=f"the state before: {STATES}, or `{DEPLOYED}` for what is in AWS (default: HEAD)",
    )
    add_aws_options(command)


def load_workspace(
    arguments: argparse.Namespace, environ: Mapping[str, str] = os.environ
) -> Project:
    """Load the configs that `--workspace` and `--models` name."""
    from smp.config.load import load_project

    return load_project(
        arguments.workspace,
        pattern_of(arguments),
        environ,
        arguments.environment,
        known_environments(arguments.workspace),
    )


def pattern_of(arguments: argparse.Namespace) -> str:
    """Return the pattern of the config files, relative to the workspace."""
    return arguments.models or os.environ.get(PATTERN_VARIABLE) or DEFAULT_PATTERN
