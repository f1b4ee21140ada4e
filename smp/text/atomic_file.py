"""Writes a file so that a reader sees the old content or the new one, never half of either."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, text: str, *, durable: bool = True) -> None:
    """Write a text to a temporary file in the same directory and rename it; create missing directories.

    A link keeps leading to the file that it names. What is not a file, such as `/dev/null` or a pipe, is
    written to as it is.

    One that is not `durable` may be lost or empty after a power cut, but not after a mere kill; it does
    not wait for the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    if path.exists() and not path.is_file():
        # A rename would replace /dev/null or a pipe by a file; opening a directory raises.
        path.write_text(text, encoding="utf-8")
        return
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
