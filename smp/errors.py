"""Every error that a user of the engine can see, and the problem it reports.

SmpError            the base class: one or more problems, reported together
├── ConfigError     fix the configuration file that each problem points to
├── ScriptError     fix what the configuration refers to: scripts, directories, links
├── CompileError    fix the value that the SageMaker SDK or service would refuse
├── ExportError     leave out what another engine cannot express (`smp.export.refusal`)
├── RunError        fix what failed while a pipeline ran
└── SetupError      fix the installation, a setting or the machine
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from smp.text.messages import visible


@dataclass(frozen=True, order=True)
class Location:
    """A place in a file a person wrote. `line` and `column` count from 1; 0 is the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    `path` is the dotted path inside the file (`conf.models.churn.train.instance_count`), `found` the
    value as it was written, `allowed` what is allowed there, `hint` the next step to take.
    """

    reason: str
    location: Location | None = None
    path: str = ""
    found: str | None = None
    allowed: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        head = ": ".join(str(part) for part in (self.location, self.path, self.reason) if part)
        details = (("found", self.found), ("allowed", self.allowed), ("hint", self.hint))
        shown = [head, *(f"    {name}: {text}" for name, text in details if text)]
        return visible("\n".join(shown)).replace("\t", "\\t")


class SmpError(Exception):
    """The base of all errors meant for a person; `problems` is never empty."""

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        self.problems: tuple[Problem, ...] = (
            (Problem(problems),) if isinstance(problems, str) else tuple(problems)
        )
        super().__init__(str(self))

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def __reduce__(self) -> tuple[type[SmpError], tuple[tuple[Problem, ...]]]:
        return (type(self), (self.problems,))


class ConfigError(SmpError):
    """A configuration file has a value that is not supported."""


class ScriptError(SmpError):
    """A script or directory that a configuration names is missing, too large or out of bounds."""


class CompileError(SmpError):
    """A step cannot be expressed in the definition, or the service would refuse it."""


class RunError(SmpError):
    """A pipeline's run failed or could not start."""


class SetupError(SmpError):
    """The installation, a setting or this machine lacks something."""


def near_names(name: str, known: Iterable[str]) -> str | None:
    """Return "did you mean 'a' or 'b'?" for the nearest of the known names, or None."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=2, cutoff=0.6)
    if not matches:
        return None
    return "did you mean " + " or ".join(repr(by_lower[match]) for match in matches) + "?"
