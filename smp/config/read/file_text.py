"""Reads the text of configuration files."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from smp.errors import ConfigError, Location, Problem

MAX_BYTES = 1024 * 1024
"""A hand-written configuration stays far below; a larger file is something else."""

UNPRINTABLE = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 does not allow in a file."""

REORDERING = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Characters by which a line reads otherwise than it is written."""


def read_text(path: Path, file: str) -> str:
    """Return the text of a UTF-8 file; `file` is its name in messages. Raises ConfigError."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError([_fault(file, "is a directory, not a file")])
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError([_fault(file, "is not a regular file")])
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        reason = (
            "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        )
        raise ConfigError([_fault(file, reason)]) from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise ConfigError([_fault(file, reason)]) from error
    if len(data) > MAX_BYTES:
        found = f"{max(status.st_size, len(data)):,} bytes"
        raise ConfigError([_fault(file, "is too large", found, f"at most {MAX_BYTES:,} bytes")])
    return _decode(data, file)


def _decode(data: bytes, file: str) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([_fault(file, "is UTF-16 text", None, "UTF-8 text")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        location = _end_of(before, file)
        found = f"the byte 0x{error.object[error.start]:02x}"
        raise ConfigError([Problem("is not UTF-8 text", location, "", found)]) from error
    for pattern, reason in (
        (UNPRINTABLE, "is not a text file"),
        (REORDERING, "has a character that turns the order of what is read"),
    ):
        refused = pattern.search(text)
        if refused:
            location = _end_of(text[: refused.start()], file)
            found = f"the character U+{ord(refused[0]):04X}"
            raise ConfigError([Problem(reason, location, "", found, "YAML text")])
    return text


def _fault(file: str, reason: str, found: str | None = None, allowed: str | None = None) -> Problem:
    return Problem(reason, Location(file, 1, 1), "", found, allowed)


def _end_of(text: str, file: str) -> Location:
    return Location(file, text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)
