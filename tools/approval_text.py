"""Prints what an approval can show of a review: its beginning, and where the whole of it is.

It never decides anything, and reads nothing but the files that it is given.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

MAX_CHARACTERS = 1000
"""CustomData of a manual approval (CodePipeline, ActionConfigurationValue)."""

SEPARATOR = " | "
EMPTY = "nothing changes"
MARKUP = re.compile(r"^[#>\s]+|`|^\|?[\s|:-]+\|$")
BOLD = re.compile(r"(?<!\S)\*\*(\w[^*]*)\*\*(?!\S)")
"""No other star: in a permission each one widens what is allowed."""
PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)|</?(?:details|summary|svg)\b[^>]*>")
"""Not every <name>: a bucket is written so in a permission."""


def main(files: Sequence[str]) -> int:
    """Print the short form of the files' text on one line; returns the exit status."""
    texts = (Path(file).read_text(encoding="utf-8") for file in files)
    link = os.environ.get("CODEBUILD_BUILD_URL", "")
    print(short_form("\n".join(texts), link))
    return 0


def short_form(text: str, link: str) -> str:
    """Return the first lines of a review, without markup, and the address of its whole text.

    What does not fit is left out by whole lines; a single line that is too long is cut.
    """
    lines = list(_lines(text)) or [EMPTY]
    end = f"whole text: {link}" if link else ""
    room = MAX_CHARACTERS - len(end) - len(SEPARATOR) - len(SEPARATOR + _more(len(lines)))
    shown: list[str] = []
    for line in lines:
        if len(SEPARATOR.join([*shown, line])) > room:
            break
        shown.append(line)
    if not shown:
        shown = [f"{lines[0][: room - 1]}…"]
    left = len(lines) - len(shown)
    return SEPARATOR.join(part for part in (*shown, _more(left) if left else "", end) if part)


def _lines(text: str) -> Iterable[str]:
    """Yield the lines that are not empty, each as printable text.

    A variable of CodeBuild and an approval are one line; `#{` would be a variable of CodePipeline.
    """
    for line in text.splitlines():
        unmarked = BOLD.sub(r"\1", MARKUP.sub("", PICTURE.sub("", line)))
        plain = " ".join(unmarked.split()).replace("#{", "{")
        plain = "".join(char for char in plain if char.isprintable())
        if plain:
            yield plain


def _more(count: int) -> str:
    return f"{count} more lines"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
