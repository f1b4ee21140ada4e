"""Writes docs/cli.md from the parser: `python -m smp.cli.reference > docs/cli.md`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from functools import partial

from smp.cli.entry import EXIT_CODES, build_parser

WIDTH = 96

OPENING = f"""\
# The `smp` command

<!-- Written by `python -m smp.cli.reference > docs/cli.md`; a test checks that it is current. -->

`make setup` installs it as `.venv/bin/smp`. {EXIT_CODES}

Results go to standard output, problems to standard error, each with file, line, column and the path
inside the file. `--format json` gives what a program can read. Only `compile` and `graph` need the
SageMaker SDK, and only when something changed since the last time: what was compiled is kept in `.smp/`
of the workspace.
"""


def render_reference() -> str:
    """Return the page: the help of every command."""
    sections = [OPENING]
    for name, parser in _commands(build_parser()):
        parser.formatter_class = partial(argparse.HelpFormatter, width=WIDTH)
        sections.append(f"## {name}\n\n```text\n{parser.format_help()}```\n")
    return "\n".join(sections)


def _commands(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                yield f"{parser.prog} {name}", command


if __name__ == "__main__":
    sys.stdout.write(render_reference())
