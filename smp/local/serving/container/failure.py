"""Leaves the reason of a transform job's failure for the runner."""

from __future__ import annotations

import os
import signal
from pathlib import Path

FAILURE = Path("/opt/ml/output/failure")


def leave(reason: str) -> None:
    """Write the failure file."""
    FAILURE.parent.mkdir(parents=True, exist_ok=True)
    FAILURE.write_text(reason, encoding="utf-8", errors="replace")


def exit_code(status: int) -> int:
    """Return the exit code in what `os.wait` gave, negative for the signal that ended the process."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)


def ending(code: int) -> str:
    """Return an exit code in words."""
    return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.strsignal(-code)})"
