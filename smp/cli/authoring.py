"""The commands that help to write a model config: schema and init."""

from __future__ import annotations

import argparse
from pathlib import Path

from smp.cli.console import write_json, write_output
from smp.cli.workspace import Commands, add_workspace_option


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    schema = commands.add_parser(
        "schema",
        help="write the JSON schema of model configs",
        description="Write the JSON schema of model configs, for completion and checks in an "
        "editor.",
    )
    schema.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="file to write (default: standard output)"
    )
    schema.set_defaults(run=_schema)

    init = commands.add_parser(
        "init",
        help="make the directory of a new model",
        description="Make model_configs/MODEL with a config that is valid at once and small "
        "scikit-learn scripts that work: train, serve, evaluate. An existing directory is left "
        "alone.",
    )
    init.add_argument("model", metavar="MODEL", help="letters, digits, single - or _ between them")
    add_workspace_option(init)
    init.set_defaults(run=_init)


def _schema(arguments: argparse.Namespace) -> int:
    from smp.config.documents.schema import json_schema

    write_json(json_schema(), arguments.output)
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from smp.cli.scaffold import scaffold_model

    directory = scaffold_model(arguments.workspace, arguments.model)
    name = directory.name
    write_output(
        f"made {directory}\n"
        f"  {directory / 'conf' / 'conf.yaml'}   what runs where; the comments say what each key does\n"
        f"  {directory / 'scripts'}   train.py, inference.py, evaluate.py\n"
        f"next: smp validate, then smp list; README.md in {name} says how to try the scripts\n"
    )
    return 0
