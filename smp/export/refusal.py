"""What a target cannot express, said for all steps at once before anything is written."""

from __future__ import annotations

from collections.abc import Iterable

from smp.errors import Problem, SmpError


class ExportError(SmpError):
    """A pipeline holds what the target cannot express; nothing was written."""


def refusal(target: str, step: str, construct: str, instead: str) -> Problem:
    """Return why a step cannot be exported.

    `construct` is what the target lacks, in words that follow "cannot express"; `instead` is what to do.
    """
    return Problem(f"{target} cannot express {construct}", path=step, hint=instead)


def refuse(pipeline: str, problems: Iterable[Problem]) -> None:
    """Raise ExportError with all problems, each under the pipeline's name; return where there are none."""
    named = [
        Problem(
            item.reason,
            path=".".join(part for part in (pipeline, item.path) if part),
            found=item.found,
            allowed=item.allowed,
            hint=item.hint,
        )
        for item in problems
    ]
    if named:
        raise ExportError(named)
