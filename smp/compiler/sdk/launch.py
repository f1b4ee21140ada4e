"""Puts this project's launcher between the SDK's start script and the drivers that it calls.

It changes two lines of `sm_train.sh` and the job's command. A start script that it does not know is an
error: an SDK of another version has to be read again first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from smp.errors import CompileError

LAUNCHER = "smp_launcher.py"
START = "sm_train.sh"
DRIVERS = "/opt/ml/input/data/sm_drivers"
COMMAND = f"chmod +x {DRIVERS}/{START} && {DRIVERS}/{START}"
"""The SDK's command, given to bash: a shell that stays, and keeps SIGTERM to itself."""
COMMAND_IN_PLACE = f"chmod +x {DRIVERS}/{START} && exec {DRIVERS}/{START}"
CALL = re.compile(
    rf"^\$SM_PYTHON_CMD {DRIVERS}/((?:scripts/environment|distributed_drivers/\w+)\.py)$",
    re.MULTILINE,
)
OWN_COMMAND = "SAGEMAKER_BASE_COMMAND_EOF"
"""Is in the start script of a job with a command in place of a script."""


def with_launcher(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files of a job's drivers with the launcher; those of a job with a command as they are."""
    start = files[START].decode()
    if OWN_COMMAND in start:
        return dict(files)
    changed, count = CALL.subn(_call, start)
    if count != 2:
        raise CompileError(f"the start script of the SageMaker SDK is not the known one: {START}")
    launcher = Path(__file__).with_name("container") / LAUNCHER
    return {**files, START: changed.encode(), LAUNCHER: launcher.read_bytes()}


def _call(match: re.Match[str]) -> str:
    """Return the call of a driver by the launcher: the one that runs the script takes the shell's place."""
    place = "" if match[1].startswith("scripts/") else "exec "
    return f"{place}$SM_PYTHON_CMD {DRIVERS}/{LAUNCHER} {match[1]}"


def command_in_place(arguments: list[str]) -> list[str]:
    """Return the SDK's command such that the start script takes the place of the first shell."""
    if arguments != ["-c", COMMAND]:
        raise CompileError(f"the command of the SageMaker SDK is not the known one: {arguments}")
    return ["-c", COMMAND_IN_PLACE]
