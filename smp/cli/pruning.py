"""The command that makes room: it removes old local runs and code that nothing refers to any more.

It never touches an object, a model of the registry or anything outside the work directory.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from smp.cli.console import write_json, write_output
from smp.cli.workspace import Commands, add_workspace_option, places_of


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    prune = commands.add_parser(
        "prune",
        help="remove old local runs, and code that nothing refers to any more",
        description="Remove all runs on this machine but the newest of each pipeline and those that "
        "are still running, and the code trees that no run, compiled pipeline or registered model "
        "left refers to. Objects stay, so the artifacts of registered models do.",
    )
    prune.add_argument(
        "--keep",
        metavar="N",
        type=_count,
        required=True,
        help="how many runs of each pipeline stay",
    )
    prune.add_argument("--dry-run", action="store_true", help="only show what would be removed")
    prune.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    add_workspace_option(prune)
    prune.set_defaults(run=_prune)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of runs")
    return int(text)


def _prune(arguments: argparse.Namespace) -> int:
    from smp.local.engine.prune import prune
    from smp.local.show.text import pruned_text

    pruned = prune(places_of(arguments), arguments.keep, dry_run=arguments.dry_run)
    if arguments.format == "json":
        write_json({**asdict(pruned), "dry_run": arguments.dry_run})
    else:
        write_output(pruned_text(pruned, arguments.dry_run))
    return 0
