"""The command line's outside: the parser of all commands, and what every failure looks like.

It never does a command's work, and never lets a user's mistake end in a traceback.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from smp import __version__
from smp.cli.console import OutputClosedError, finish_output, print_message, print_problems
from smp.errors import Problem, SmpError

MODULES: Mapping[str, tuple[str, ...]] = {
    "pipelines": ("validate", "list", "compile", "graph"),
    "explaining": ("explain",),
    "reviewing": ("diff",),
    "running": ("run", "stage"),
    "history": ("runs", "show", "compare", "report", "logs", "mlflow", "models"),
    "pruning": ("prune",),
    "executions": ("start", "status", "stop"),
    "permissions": ("check-permissions",),
    "prices": ("prices",),
    "objects": ("s3",),
    "exporting": ("export",),
    "authoring": ("schema", "init"),
}
"""The commands by the module of this package that adds them: only the one in use is imported."""

OK, FAILED, USAGE_ERROR = 0, 1, 2
INTERRUPTED = 128 + 2
OUTPUT_CLOSED = 128 + 13

DESCRIPTION = "Model configs in, reviewed SageMaker pipelines out."
EXIT_CODES = "Exit status: 0 success, 1 invalid input or failed run, 2 usage error."


class _Parser(argparse.ArgumentParser):
    """A parser that takes options by their whole names only: a new option breaks no script."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands, or of one command's group; each stores its function as `run`."""
    parser: argparse.ArgumentParser = _Parser(
        prog="smp", description=DESCRIPTION, epilog=EXIT_CODES
    )
    parser.add_argument("--version", action="version", version=f"smp {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    home = [module for module, names in MODULES.items() if command in names]
    for module in home or MODULES:
        import_module(f"smp.cli.{module}").add_commands(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    try:
        return _run(argv)
    except OutputClosedError:
        return OUTPUT_CLOSED
    except KeyboardInterrupt:
        print_message("\nsmp: interrupted")
        return INTERRUPTED
    finally:
        if argv is None:
            gc.freeze()  # the process ends: nothing is left to be collected, which takes long


def _run(argv: Sequence[str] | None) -> int:
    try:
        status = _run_command(argv)
        finish_output()
    except SmpError as error:
        print_problems(error.problems)
        return FAILED
    except OSError as error:
        print_problems([_problem_of(error)])
        return FAILED
    return status


def _run_command(argv: Sequence[str] | None) -> int:
    try:
        words = sys.argv[1:] if argv is None else argv
        arguments = build_parser(words[0] if words else None).parse_args(words)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else USAGE_ERROR
    status: int = arguments.run(arguments)
    return status


def _problem_of(error: OSError) -> Problem:
    where = f"{error.filename}: " if error.filename else ""
    return Problem(f"{where}{(error.strerror or str(error)).lower()}")
