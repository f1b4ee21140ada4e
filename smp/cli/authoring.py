"""The commands that help to write a model config: schema and init."""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from smp.cli.console import write_json, write_output
from smp.cli.workspace import Commands, add_workspace_option
from smp.errors import Problem, SetupError


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
    from smp.cli.authoring import scaffold_model

    directory = scaffold_model(arguments.workspace, arguments.model)
    name = directory.name
    write_output(
        f"made {directory}\n"
        f"  {directory / 'conf' / 'conf.yaml'}   what runs where; the comments explain each key\n"
        f"  {directory / 'scripts'}   train.py, inference.py, evaluate.py\n"
        f"next: smp validate, then smp list; README.md in {name} shows how to try the scripts\n"
    )
    return 0


MODELS_DIRECTORY = "model_configs"
TEMPLATE_FILES = (
    "README.md",
    "conf/conf.yaml",
    "prepare_data.py",
    "requirements-local.txt",
    "scripts/evaluate.py",
    "scripts/inference.py",
    "scripts/train.py",
)
TEMPLATE_MODEL, TEMPLATE_PIPELINE = "my_model", "my-model"

MODEL_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")
MAX_NAME_LENGTH = 40
"""Leaves room for the step's own part in names of 63 characters, the limit of SageMaker's jobs."""


def scaffold_model(workspace: Path, model: str) -> Path:
    """Make `model_configs/<model>` and return it; raises SetupError when that cannot be."""
    if not MODEL_NAME.fullmatch(model) or len(model) > MAX_NAME_LENGTH:
        raise SetupError([_bad_name(model)])
    directory = workspace / MODELS_DIRECTORY / model
    if directory.exists() or directory.is_symlink():
        hint = "choose another name, or remove the directory first"
        raise SetupError([Problem(f"{directory} exists already", hint=hint)])
    if not workspace.is_dir():
        raise SetupError([Problem(f"the workspace {workspace} is not a directory")])
    directory.parent.mkdir(exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{model}.", dir=directory.parent))
    try:
        _write_files(unfinished, model)
        unfinished.chmod(0o755)
        unfinished.rename(directory)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    return directory


def _write_files(directory: Path, model: str) -> None:
    template = files("smp.cli").joinpath("model_template")
    names = {TEMPLATE_MODEL: model, TEMPLATE_PIPELINE: model.replace("_", "-")}
    for name in TEMPLATE_FILES:
        text = template.joinpath(name).read_text(encoding="utf-8")
        text = re.sub("|".join(names), lambda match: names[match[0]], text)
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _bad_name(model: str) -> Problem:
    suggestion = re.sub(r"[^A-Za-z0-9]+", "_", model).strip("_")[:MAX_NAME_LENGTH].strip("_")
    usable = MODEL_NAME.fullmatch(suggestion) is not None
    return Problem(
        "this cannot be the name of a model",
        found=repr(model),
        allowed=f"up to {MAX_NAME_LENGTH} letters and digits, with single - or _ between them, "
        "beginning with a letter",
        hint=f"for example {suggestion}" if usable else None,
    )
