"""What a cached result depends on beside its request: the content of its inputs, its Python packages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from smp.text.human import counted

PYTHON = "the Python environment"
"""The part that is named if the interpreter or its packages differ."""


@dataclass(frozen=True)
class Content:
    """The content that one step reads. `inputs` are records of `smp.local.engine.step_runner`."""

    inputs: Sequence[Mapping[str, Any]]
    python: str

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return each part by its name: the hash of its content, and what a person compares."""
        found: dict[str, dict[str, Any]] = {PYTHON: {"sha256": self.python}}
        for item in self.inputs:
            found[f"input {item['name']} ({item['uri']})"] = {
                "sha256": f"{item['sha256']} {item['listing']}",
                "files": item["files"],
            }
        return found


def key_of(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one hash of all parts."""
    lines = (f"{name}\0{part['sha256']}\n" for name, part in sorted(parts.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def changes_of(
    before: Mapping[str, Mapping[str, Any]], now: Mapping[str, Mapping[str, Any]]
) -> str:
    """Name the parts that differ: `input train (s3://…) changed: 3 objects before, 4 objects now`."""
    return "; ".join(
        _change(name, before.get(name), now.get(name))
        for name in sorted({*before, *now})
        if (before.get(name) or {}).get("sha256") != (now.get(name) or {}).get("sha256")
    )


def _change(name: str, before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> str:
    if before is None or now is None:
        return f"{name} was {'added' if before is None else 'removed'}"
    if before.get("files") == now.get("files"):
        return f"{name} changed"
    objects = [counted(int(part.get("files", 0)), "object") for part in (before, now)]
    return f"{name} changed: {objects[0]} before, {objects[1]} now"


@lru_cache(maxsize=32)
def python_identity(bin_directory: Path) -> str:
    """Return a hash of an interpreter and of the packages installed for it.

    The interpreter counts by path, size and time of change, a package by its name and version: nothing
    is started or imported.
    """
    python = (bin_directory / "python3").resolve()
    try:
        status = python.stat()
        state = f"{python} {status.st_size} {status.st_mtime_ns}"
    except OSError:
        state = f"{python} is missing"
    installed = bin_directory.parent.glob("lib/python3*/site-packages/*.dist-info")
    names = sorted(path.name for path in installed)
    return hashlib.sha256("\n".join([state, *names]).encode()).hexdigest()
