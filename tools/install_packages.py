"""Installs the locked Python packages into the environment that runs this, and shows how far it is.

Never resolves anything: every package comes from the lock file, with its hash.
"""

import subprocess
import sys
from pathlib import Path

_PIP_INSTALL = (
    *(sys.executable, "-m", "pip", "install"),
    *("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--no-compile"),
    *("--progress-bar", "off", "--no-deps", "--require-hashes", "--requirement"),
)
_LINES_SHOWN_ON_FAILURE = 30


def locked_count(lock_file: Path) -> int:
    """How many packages the lock file pins, those for other systems included."""
    return sum(line[:1].isalnum() for line in lock_file.read_text(encoding="utf-8").splitlines())


def install(lock_file: Path) -> int:
    """Runs pip; returns its exit status, having shown the end of its output where it failed."""
    total = locked_count(lock_file)
    print(
        f"==> installing {total} locked packages into .venv (1.5 GB, a minute or more)", flush=True
    )
    with subprocess.Popen(
        [*_PIP_INSTALL, str(lock_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as pip:
        lines = _follow(pip, total)
    if pip.returncode:
        print("\n".join(lines[-_LINES_SHOWN_ON_FAILURE:]), file=sys.stderr)
    return pip.returncode


def _follow(pip: subprocess.Popen[str], total: int) -> list[str]:
    lines: list[str] = []
    collected = 0
    for line in pip.stdout or ():
        lines.append(line.rstrip())
        if line.startswith(("Collecting ", "Processing ", "Requirement already satisfied")):
            collected += 1
            if collected % 25 == 0:
                print(f"    {collected} of about {total}", flush=True)
        if line.startswith("Installing collected"):
            print("    downloaded, unpacking", flush=True)
    return lines


if __name__ == "__main__":
    sys.exit(install(Path(sys.argv[1])))
