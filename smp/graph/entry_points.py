"""Which names of scripts survive the commands and module names that they become part of."""

from __future__ import annotations

import re
from collections.abc import Iterator

from smp.config.project import Model
from smp.errors import Problem
from smp.text.messages import dotted

PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
MODULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*(/[A-Za-z0-9_][A-Za-z0-9_-]*)*\.py")


def entry_point_problems(section: str | None, model: Model) -> Iterator[Problem]:
    """Yield what is wrong with the name of the script that a section has."""
    if section is None:
        return
    written = getattr(model.config.section(section), "entry_point", None)
    if written is None:
        return
    if section == "train":
        reason, characters = "breaks the command that starts it", "'_', '-' and '.'"
        fits = PATH.fullmatch(written)
    else:
        reason, characters = "is run as a module, and cannot be one's name", "'_' and '-'"
        fits = MODULE.fullmatch(written)
    if not fits:
        yield Problem(
            reason,
            model.locate(section, "entry_point"),
            dotted(("conf", "models", model.name, section, "entry_point")),
            repr(written),
            f"letters, digits, {characters} between the slashes, and the ending",
        )
