"""The command that compares two states of the pipelines: diff."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from smp.cli.console import chosen_format, write_json, write_output
from smp.cli.environments import known_environments
from smp.cli.workspace import (
    DEPLOYED,
    STATES,
    WORK_DIRECTORY,
    Commands,
    add_base_option,
    add_models_option,
    add_workspace_option,
    pattern_of,
)

if TYPE_CHECKING:
    from smp.review.diff.changes import Diff
    from smp.review.states.state import ReadingState, State, Workspace

SAME, DIFFERENT = 0, 3
DEFAULT_BASE = "HEAD"
FORMATS = ("text", "markdown", "summary", "json")
ENDINGS = {".txt": "text", ".md": "markdown", ".json": "json"}
"""Formats by the ending of a file, the usual one first."""


def add_commands(commands: Commands) -> None:
    """Add the command of this module."""
    diff = commands.add_parser(
        "diff",
        help="show what changes in the pipelines, for a review",
        description="Compare two states of the pipelines: their steps and edges, instances, images, "
        "hyperparameters, code, inputs, network, encryption, parameters and permissions; which steps "
        "run again and why; and the upper bound of instance-hours and, with a prices.json in the "
        "workspace, of their cost. Nothing of a state is run. Exit status: 0 nothing changes, 3 "
        "something does, 1 invalid input, 2 usage error.",
    )
    diff.add_argument(
        "pipelines", metavar="PIPELINE", nargs="*", help="only these (default: all of both states)"
    )
    add_base_option(diff)
    diff.add_argument(
        "--head",
        metavar="STATE",
        help=f"the state after: {STATES} (default: the files as they are now)",
    )
    _add_output(diff)
    add_workspace_option(diff)
    add_models_option(diff)
    diff.set_defaults(run=_diff)


def _add_output(diff: argparse.ArgumentParser) -> None:
    diff.add_argument(
        "--format",
        choices=FORMATS,
        help="markdown is a comment for a pull request, summary at most 900 characters of plain "
        "text (default: by the ending of -o, .md or .json, else text)",
    )
    diff.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help="file to write (default: standard output); with markdown, each changed pipeline's "
        "picture is written next to it as SVG",
    )


def read_states(
    arguments: argparse.Namespace, names: Sequence[str], head: str | None = None
) -> tuple[State, State]:
    """Read the state before and the one after, at once, with the pipelines of these names or all."""
    from smp.review.states.state import check_names, read_working_tree

    workspace = workspace_of(arguments)
    base = DEFAULT_BASE if arguments.base is None else arguments.base
    with ExitStack() as stack:
        reading = None if base == DEPLOYED else stack.enter_context(_read(workspace, base))
        after = stack.enter_context(
            _read(workspace, head) if head else read_working_tree(workspace)
        )
        check_names(names, after.names, reading.names if reading else ())
        if reading:
            reading.start(names)
        after.start(names)
        head_state = after.result()
        base_state = reading.result() if reading else _deployed(arguments, names, head_state)
    return base_state, head_state


def workspace_of(arguments: argparse.Namespace) -> Workspace:
    """Return the workspace that `--workspace` and `--models` name."""
    from smp.review.states.state import Workspace

    known = known_environments(arguments.workspace)
    return Workspace(
        arguments.workspace, pattern_of(arguments), os.environ, arguments.environment, known
    )


def _read(workspace: Workspace, name: str) -> ReadingState:
    from smp.review.states.state import is_assembly, read_assembly_state, read_ref

    if is_assembly(Path(name)):
        return read_assembly_state(workspace, Path(name))
    return read_ref(workspace, name)


def _deployed(arguments: argparse.Namespace, names: Sequence[str], head: State) -> State:
    from smp.aws.deployed import read_deployed
    from smp.cli.aws_options import open_session
    from smp.review.states.state import State

    known = tuple(head.pipelines.values())
    found = read_deployed(
        open_session(arguments),
        names or tuple(head.pipelines),
        arguments.workspace / WORK_DIRECTORY / DEPLOYED,
        known,
    )
    return State.of(DEPLOYED, found.pipelines, knows_config=False, unread=found.unread)


def _diff(arguments: argparse.Namespace) -> int:
    from smp.definition.prices import load_prices
    from smp.export.roles import target_roles
    from smp.review.diff.compare import compare_states

    prices = load_prices(arguments.workspace)
    base, head = read_states(arguments, arguments.pipelines, arguments.head)
    diff = compare_states(base, head, arguments.pipelines, prices, further_roles=target_roles)
    _write(diff, chosen_format(arguments.format, arguments.output, ENDINGS), arguments.output)
    return SAME if diff.is_empty else DIFFERENT


def _write(diff: Diff, chosen: str, file: Path | None) -> None:
    if chosen == "json":
        from smp.review.diff.fields import diff_fields

        write_json(diff_fields(diff), file)
    elif chosen == "markdown":
        _write_markdown(diff, file)
    elif chosen == "summary":
        from smp.review.diff.summary import render_summary

        write_output(render_summary(diff), file)
    else:
        from smp.review.diff.text import render_text

        write_output(render_text(diff), file)


def _write_markdown(diff: Diff, file: Path | None) -> None:
    from smp.review.diff.markdown import render_markdown
    from smp.review.diff.picture import render_changed_svg

    pictures = {}
    if file is not None and not (file.exists() and not file.is_file()):
        pictures = {p.name: f"{file.stem}-{p.name}.svg" for p in diff.pipelines}
        for pipeline in diff.pipelines:
            svg = render_changed_svg(pipeline.picture)
            write_output(svg, file.with_name(pictures[pipeline.name]))
    write_output(render_markdown(diff, pictures), file)
