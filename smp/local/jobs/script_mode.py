"""Script mode: what a framework's image does where a request names a script but no entry point.

The hyperparameters `sagemaker_program` and `sagemaker_submit_directory` name the script and where
its source lies. A local stand-in of an image's own algorithm runs in the same way. Source: the
SageMaker training toolkit's documented environment.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smp.local.jobs.archive import unpack
from smp.local.jobs.container import OPT_ML, inside
from smp.local.jobs.context import StepContext

PROGRAM, SOURCE = "sagemaker_program", "sagemaker_submit_directory"
CODE = "/opt/ml/code"


def is_script_mode(arguments: Mapping[str, Any]) -> bool:
    """Whether a training request is for a framework's image to run a script."""
    named = arguments.get("HyperParameters", {})
    return PROGRAM in named and "ContainerEntrypoint" not in arguments["AlgorithmSpecification"]


def is_own_algorithm(arguments: Mapping[str, Any]) -> bool:
    """Whether a training request is for what its image brings: neither a script nor a command."""
    given = "ContainerEntrypoint" in arguments["AlgorithmSpecification"]
    return not given and not is_script_mode(arguments)


def place_source(context: StepContext) -> None:
    """Put the script's source where the toolkit does."""
    if context.stand_in is not None:
        context.inputs.place_tree(context.stand_in.code, context.opt_ml / "code")
        return
    source = _decoded(context.arguments["HyperParameters"].get(SOURCE))
    target = context.opt_ml / "code"
    if isinstance(source, str) and source.startswith(f"{OPT_ML}/"):
        shutil.copytree(inside(context.opt_ml, source), target, dirs_exist_ok=True)
    if not isinstance(source, str) or not source.startswith("s3://"):
        return
    context.inputs.fetch({"S3Uri": source}, target)
    archive = target / source.rpartition("/")[2]
    if archive.name.endswith((".tar.gz", ".tgz")) and archive.is_file():
        unpack(archive, target)
        archive.unlink()


def script_command(context: StepContext) -> tuple[str, ...]:
    """Return the command that the toolkit would run: the script with the hyperparameters as options."""
    given = _hyperparameters(context.arguments)
    program = context.stand_in.script if context.stand_in else _program(context.arguments)
    options = [text for name, value in given.items() for text in (f"--{name}", _text(value))]
    runner = "/bin/sh" if program.endswith(".sh") else "python3"
    return (runner, f"{CODE}/{program}", *options)


def script_environment(context: StepContext) -> dict[str, str]:
    """Return the variables by which scripts of framework images find their way."""
    given = _hyperparameters(context.arguments)
    channels = [item["ChannelName"] for item in context.arguments.get("InputDataConfig", [])]
    return {
        "SM_MODEL_DIR": "/opt/ml/model",
        "SM_INPUT_DIR": "/opt/ml/input",
        "SM_INPUT_CONFIG_DIR": "/opt/ml/input/config",
        "SM_OUTPUT_DIR": "/opt/ml/output",
        "SM_OUTPUT_DATA_DIR": "/opt/ml/output/data",
        "SM_CHANNELS": json.dumps(sorted(channels)),
        "SM_HPS": json.dumps(given),
        "SM_HOSTS": '["algo-1"]',
        "SM_CURRENT_HOST": "algo-1",
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
        "SM_NUM_GPUS": "0",
        "SM_NETWORK_INTERFACE_NAME": "lo",
        **{f"SM_CHANNEL_{name.upper()}": f"/opt/ml/input/data/{name}" for name in channels},
        **{f"SM_HP_{name.upper()}": _text(value) for name, value in given.items()},
    }


def _program(arguments: Mapping[str, Any]) -> str:
    program = Path(str(_decoded(arguments["HyperParameters"][PROGRAM])))
    return program.name if program.is_absolute() else program.as_posix()


def _hyperparameters(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the script's own hyperparameters, decoded as the toolkit does."""
    given = arguments.get("HyperParameters", {})
    return {k: _decoded(v) for k, v in sorted(given.items()) if not k.startswith("sagemaker_")}


def _decoded(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value) if _is_deep(value) else str(value)


def _is_deep(value: Any) -> bool:
    return isinstance(value, (dict, list))
