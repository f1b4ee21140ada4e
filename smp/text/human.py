"""How durations, sizes, numbers, times and tables are written for a person."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_UNSHOWABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def duration(seconds: float | None) -> str:
    """Write `0.3 s`, `12.3 s`, `1 min 05 s` or `2 h 05 min`; a dash for None."""
    if seconds is None:
        return "-"
    seconds = max(seconds, 0.0)
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def size(count: int) -> str:
    """Write a number of bytes: `812 B`, `1.4 MB` (powers of 1,000)."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{count} B" if unit == "B" else f"{value:.3g} {unit}"


def number(value: object) -> str:
    """Write a metric's value: five significant digits, large numbers whole with their thousands."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return f"{int(value):,}"
    if 10_000 <= abs(value) < 1e12:
        return f"{value:,.0f}"
    return f"{value:.5g}"


def moment(seconds: float) -> str:
    """Write a time as `2026-03-01 14:05:09 UTC`."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def counted(count: int, noun: str) -> str:
    """Write `1 step`, `2 steps`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clean_line(line: str) -> str:
    """Return a line of a log without terminal codes, and as a progress bar last left it."""
    visible = _ESCAPES.sub("", line).rstrip("\r")
    return clean_text(visible.rpartition("\r")[2])


def clean_text(text: str) -> str:
    """Replace control characters, those that turn the writing direction, and halves of characters."""
    return _UNSHOWABLE.sub("\ufffd", text)


def printable(text: str, encoding: str | None) -> str:
    """Return one line as a stream of that encoding can take it."""
    known = encoding or "ascii"
    line = clean_line(text).replace("\t", "    ").replace("\n", " ")
    return line.encode(known, "replace").decode(known)


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Align rows in columns, those of the numbers in `right` to the right; each line indented."""
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(("  " + "  ".join(cells)).rstrip() + "\n")
    return "".join(lines)
