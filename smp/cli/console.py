"""What commands write: results to standard output or a file, problems to standard error."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from smp.errors import Problem
from smp.text.messages import visible

RED, BOLD, RESET = "\033[31m", "\033[1m", "\033[0m"


class OutputClosedError(Exception):
    """Anyone who read standard output has gone away."""


def write_output(text: str, file: Path | None = None) -> None:
    """Write a result to standard output, visible throughout, or whole or not at all to a file."""
    if file is None:
        _write_to_stdout(visible(text))
    else:
        from smp.text.atomic_file import write_atomically

        write_atomically(file, text)


def chosen_format(chosen: str | None, file: Path | None, endings: Mapping[str, str]) -> str:
    """Return the format that was asked for, by its name or by a file's ending; else the first one."""
    default = next(iter(endings.values()))
    return chosen or endings.get(file.suffix.lower() if file else "", default)


def write_json(value: Any, file: Path | None = None) -> None:
    """Write a result that a program reads."""
    write_output(json.dumps(value, indent=2, ensure_ascii=False) + "\n", file)


def copy_to_output(file: Path) -> None:
    """Copy a file to standard output byte by byte: it need not be text of any encoding."""
    with file.open("rb") as source, _standard_output() as stdout:
        if stdout is not None:
            stdout.flush()
            shutil.copyfileobj(source, stdout.buffer)


def finish_output() -> None:
    """Hand over what is still buffered."""
    _write_to_stdout("")


def print_message(text: str) -> None:
    """Print a line to standard error; if its reader is gone, drop it and continue."""
    if sys.stderr is None:
        return
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        _silence(sys.stderr)


def print_problems(problems: Iterable[Problem]) -> None:
    """Print each problem to standard error, and their number where there are several."""
    listed = list(problems)
    for problem in listed:
        print_message(_paint(problem, sys.stderr))
    if len(listed) > 1:
        print_message(f"{len(listed)} problems")


def problem_fields(problem: Problem) -> dict[str, Any]:
    """Return a problem as JSON; what it does not have is null."""
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
    with _standard_output() as stdout:
        if isinstance(stdout, io.TextIOWrapper):
            stdout.reconfigure(errors="backslashreplace")
        if stdout is not None:
            stdout.write(text)


@contextmanager
def _standard_output() -> Iterator[TextIO | None]:
    """Give standard output, None where the caller closed it, and hand over what is written to it."""
    stdout: TextIO | None = sys.stdout
    try:
        yield stdout
        if stdout is not None:
            stdout.flush()
    except OSError as error:
        if stdout is not None:
            _silence(stdout)
        if isinstance(error, BrokenPipeError):
            raise OutputClosedError from error
        raise


def _silence(stream: TextIO) -> None:
    """Point a stream nowhere, so that the interpreter's own flush at exit cannot fail."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


def _paint(problem: Problem, stream: TextIO | None) -> str:
    """Colour the place bold and the reason red where a person looks at a terminal."""
    text = str(problem) if problem.location else f"smp: {problem}"
    if not _wants_colour(stream):
        return text
    head, *details = text.split("\n")
    place = head.removesuffix(problem.reason.split("\n")[0])
    return "\n".join([f"{BOLD}{place}{RESET}{RED}{head[len(place) :]}{RESET}", *details])


def _wants_colour(stream: TextIO | None) -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream is not None and stream.isatty() and not plain
