"""Runs a driver of the SageMaker SDK in a training container; shipped beside the drivers, as a file.

`sm_train.sh` calls it with the driver's path: once for the environment file, and then, in its own place,
for the script. What it changes: a text stays the text that it is, the root of the source directory is on
the path, and SIGTERM reaches the script. It imports nothing of this project, and runs on Python 3.6.
"""

# No pathlib here, and old spellings: images bring old versions of Python.
# ruff: noqa: PTH100, PTH109, PTH118, PTH120

import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from typing import Any

ENVIRONMENT = "scripts/environment.py"


def main() -> None:
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    from common import utils  # type: ignore[import-not-found]  # the SDK's, beside this file

    driver = os.path.join(here, sys.argv[1])
    if sys.argv[1] == ENVIRONMENT:
        keep_apostrophes(utils)
    else:
        utils.hyperparameters_to_cli_args = arguments_of
        utils.execute_commands = run_script
        os.environ["PYTHONPATH"] = with_root(os.environ.get("PYTHONPATH"))
    try:
        runpy.run_path(driver, run_name="__main__")
    except Exception:
        traceback.print_exc()
        utils.write_failure_file()
        sys.exit(1)


def keep_apostrophes(utils: Any) -> None:
    """Let the environment file, which puts each value in single quotes, have values with such."""
    plain = utils.safe_serialize
    utils.safe_serialize = lambda data: plain(data).replace("'", "'\\''")


def with_root(path: Any) -> str:
    """Return the PYTHONPATH with the directory of the source code, the current one, first."""
    return os.pathsep.join([os.getcwd()] + ([path] if path else []))


def arguments_of(hyperparameters: Any) -> Any:
    """Return the script's arguments; the values have been read as JSON once, and are not again."""
    return [text for key in hyperparameters for text in ("--" + key, text_of(hyperparameters[key]))]


def text_of(value: Any) -> str:
    """Return an argument's text: lists and mappings as JSON, all else as Python writes it."""
    return json.dumps(value) if isinstance(value, (list, dict)) else str(value)


def run_script(commands: Any) -> Any:
    """Run the script with the output of this process, and pass SIGTERM on to it."""
    running = []  # type: Any
    told = []  # type: Any

    def tell(number: int, _frame: Any) -> None:
        told.append(number)
        if running and running[0].returncode is None:
            os.kill(running[0].pid, number)

    signal.signal(signal.SIGTERM, tell)
    sys.stdout.flush()
    running.append(subprocess.Popen(in_place(commands)))
    if told and running[0].poll() is None:
        os.kill(running[0].pid, signal.SIGTERM)
    code = running[0].wait()
    if code == 0:
        return 0, ""
    try:
        raise subprocess.CalledProcessError(code, commands)
    except subprocess.CalledProcessError:
        return (code if code > 0 else 128 - code), traceback.format_exc()


def in_place(commands: Any) -> Any:
    """Let a shell script take the place of the shell that starts it, so that it gets signals itself."""
    if commands[:2] != ["/bin/sh", "-c"]:
        return commands
    return commands[:2] + [commands[2].replace("&& ./", "&& exec ./", 1)]  # noqa: RUF005


if __name__ == "__main__":
    main()
