"""The end of a step's log as lines of text, however large the log is and whatever bytes it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smp.local.show.commands import clean_line


@dataclass(frozen=True)
class LogTail:
    """The last lines of a log; `size` is the whole file's, and `is_whole` says that nothing is cut."""

    lines: tuple[str, ...] = ()
    size: int = 0
    is_whole: bool = True


def read_tail(log: Path, max_lines: int, max_bytes: int) -> LogTail:
    """Read at most so many lines and bytes from the end; a log that is not there is empty."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            start = max(size - max_bytes, 0)
            file.seek(start)
            text = file.read(max_bytes).decode("utf-8", "replace")
    except FileNotFoundError:
        return LogTail()
    lines = text.removesuffix("\n").split("\n") if text else []
    if start and len(lines) > 1:
        lines = lines[1:]
    kept = lines[-max_lines:]
    return LogTail(tuple(map(clean_line, kept)), size, start == 0 and len(kept) == len(lines))
