"""Finds the Pythons on this machine that the project runs under: `tools/interpreter list`, as values."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUPPORTED = ((3, 11), (3, 12), (3, 13), (3, 14))
"""The minor versions, as `requires-python` in pyproject.toml has them."""


@dataclass(frozen=True, order=True)
class Interpreter:
    """A CPython with what an environment needs; versions have an order."""

    version: tuple[int, int, int]
    path: Path

    def __str__(self) -> str:
        return ".".join(map(str, self.version))

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version, which packages are built for."""
        return self.version[:2]


@cache
def found_interpreters() -> tuple[Interpreter, ...]:
    """Return the suitable interpreters of this machine, newest first."""
    listed = subprocess.run(
        [ROOT / "tools" / "interpreter", "list"], capture_output=True, text=True, check=True
    )
    found = []
    for line in listed.stdout.splitlines():
        version, path = line.split(maxsplit=1)
        major, minor, micro = map(int, version.split("."))
        found.append(Interpreter((major, minor, micro), Path(path)))
    return tuple(found)
