"""What commands write: results to standard output or a file, problems to standard error.

It never decides what a command says.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from smp.errors import Problem

RED, BOLD, RESET = "\033[31m", "\033[1m", "\033[0m"


class OutputClosedError(Exception):
    """Whoever read standard output has gone away."""


def write_output(text: str, file: Path | None = None) -> None:
    """Write a result to standard output, or whole or not at all to a file."""
    if file is None:
        _write_to_stdout(text)
    elif file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8")
    else:
        from smp.atomic import write_atomically

        write_atomically(file, text)


def chosen_format(chosen: str | None, file: Path | None, endings: Mapping[str, str]) -> str:
    """Return the format that was asked for, by its name or by a file's ending; else the first one."""
    default = next(iter(endings.values()))
    return chosen or endings.get(file.suffix.lower() if file else "", default)


def write_json(value: Any, file: Path | None = None) -> None:
    """Write a result that a program reads."""
    write_output(json.dumps(value, indent=2, ensure_ascii=False) + "\n", file)


def finish_output() -> None:
    """Hand over what is still buffered."""
    _write_to_stdout("")


def print_problems(problems: Iterable[Problem]) -> None:
    """Print each problem to standard error, and their number where there are several."""
    listed = list(problems)
    for problem in listed:
        print(_paint(problem, sys.stderr), file=sys.stderr)
    if len(listed) > 1:
        print(f"{len(listed)} problems", file=sys.stderr)


def problem_fields(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON; what it does not say is null."""
    location = problem.location
    return {
        "reason": problem.reason,
        "file": location.file if location else None,
        "line": location.line or None if location else None,
        "column": location.column or None if location else None,
        "path": problem.path or None,
        "found": problem.found,
        "allowed": problem.allowed,
        "hint": problem.hint,
    }


def _write_to_stdout(text: str) -> None:
    stdout = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        stdout.reconfigure(errors="backslashreplace")
    try:
        stdout.write(text)
        stdout.flush()
    except BrokenPipeError as error:
        _silence_output()
        raise OutputClosedError from error
    except OSError:
        _silence_output()
        raise


def _silence_output() -> None:
    """Point standard output nowhere, so that the interpreter's own flush at exit cannot fail."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


def _paint(problem: Problem, stream: TextIO) -> str:
    """Colour the place bold and the reason red where a person looks at a terminal."""
    text = str(problem) if problem.location else f"smp: {problem}"
    if not _wants_colour(stream):
        return text
    head, *details = text.split("\n")
    place = head.removesuffix(problem.reason.split("\n")[0])
    return "\n".join([f"{BOLD}{place}{RESET}{RED}{head[len(place) :]}{RESET}", *details])


def _wants_colour(stream: TextIO) -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain
