"""Builds the documentation site with MkDocs from its own environment: `make docs`.

Needs the network only to install that environment the first time; the site itself refers to nothing outside itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.environments import DOCS, ROOT, environment, install_missing

SITE = ROOT / "build" / "site"


def build(site: Path, *, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Build the site into a directory; a warning, such as a link that leads nowhere, is an error."""
    command = [environment(DOCS) / "bin" / "python", "-m", "mkdocs", "build", "--strict", "--quiet"]
    return subprocess.run(
        [*command, "--site-dir", site],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=check,
    )


def main() -> int:
    """Build the site into build/site; returns the exit status."""
    if status := install_missing([DOCS]):
        return status
    done = build(SITE)
    print(done.stdout, end="")
    if done.returncode == 0:
        place = SITE.relative_to(ROOT)
        print(f"==> {place}/index.html; with search: python -m http.server -d {place} -b 127.0.0.1")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
