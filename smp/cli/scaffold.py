"""Makes the directory of a new model from the template beside this module.

It never overwrites a file, and leaves nothing half made.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

from smp.errors import Problem, SetupError

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
