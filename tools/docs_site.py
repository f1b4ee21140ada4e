"""Builds the documentation site with MkDocs from its own environment: `make docs`.

The network is needed once, to install that environment. The site loads nothing from a network.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.environments import DOCS, environment, install_missing
from tools.interpreters import ROOT

SITE = ROOT / "build" / "site"


def build(site: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Build the site of a checkout into a directory; a warning, such as a dead link, is an error."""
    python = environment(DOCS) / "bin" / "python"
    return subprocess.run(
        [python, "-m", "mkdocs", "build", "--strict", "--site-dir", site],
        cwd=root,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main() -> int:
    """Build the site into build/site; returns the exit status."""
    if status := install_missing([DOCS]):
        return status
    done = build(SITE)
    if done.returncode:
        print(done.stdout, end="", file=sys.stderr)
    else:
        place = SITE.relative_to(ROOT)
        print(f"==> {place}/index.html; with search: python -m http.server -d {place} -b 127.0.0.1")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
