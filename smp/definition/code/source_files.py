"""Reads the files of a directory that a job gets."""

from __future__ import annotations

import os
from pathlib import Path

from smp.definition.code.shipped_files import REMOVE, Refusal, find_shipped_files
from smp.errors import Location, Problem, ScriptError
from smp.text.messages import ascii_if_unprintable


def read_source_files(directory: Path, boundary: Path) -> dict[str, bytes]:
    """Return the files of a directory by posix path, without what `.smpignore` and defaults leave out.

    A link is taken as the file that it leads to, inside `boundary` only. Raises ScriptError with all
    that is refused.
    """
    found = find_shipped_files(directory, boundary)
    if found.refusals:
        raise ScriptError([_problem(directory, refusal) for refusal in found.refusals])
    files: dict[str, bytes] = {}
    for path in found.files:
        try:
            files[path.as_posix()] = (directory / path).read_bytes()
        except OSError as error:
            refusal = Refusal(path, f"cannot be read: {error.strerror}", hint=REMOVE)
            raise ScriptError([_problem(directory, refusal)]) from error
    return files


def _problem(directory: Path, refusal: Refusal) -> Problem:
    place = os.fsencode(directory / refusal.path).decode(errors="replace")
    location = Location(ascii_if_unprintable(place))
    return Problem(refusal.reason, location, "", None, refusal.allowed, refusal.hint)
