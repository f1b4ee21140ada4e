"""The habits of wording that made pages and code hard to read, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

INSTEAD = {
    r"\bstands?\b(?!-in)": "is, or: is written",
    r"\b(go|goes|going|went) on\b": "continue",
    r"\bof (its|their|his|your) own\b": "its own …, or: a separate …",
    r"\bwhoever\b": "anyone who, or: the person who",
    r"\bartefacts?\b": "artifact",
    r"\b(tell|tells|told)\b": "report, show, name",
    r"\bsays\b": "report, describe, name",
    r"\bfaults?\b": "error",
    r"\bblanks?\b": "space",
    r"\bhere\b": "locally, or: on this page",
    r"\bno \w+,? but\b": "only",
    r"\b(but|nothing but|none but) for\b": "except for",
    r"\bbeside\b": "next to, or: in addition to",
    r"\bby itself\b": "automatically",
    r"\bas ever\b": "as before",
    r"\bhonoured\b": "supported",
    r"\bbe told\b": "be reported",
}
"""A habit, and what to write instead."""

NAMES = {
    r"\b(artefacts?|said|says|stands?(?! ins?\b)|tells?|told|whoever)\b": "the field's word",
    r"\bfaults?\b": "error",
    r"\bblanks?\b": "space",
}
"""Words that no name in the code contains, and what to write instead."""


def habits(
    text: str, allowed: tuple[str, ...] = (), table: dict[str, str] = INSTEAD
) -> Iterator[str]:
    """Yield each habit in the text, with its line."""
    for phrase in allowed:
        text = text.replace(phrase, "")
    for pattern, instead in table.items():
        spaced = pattern.replace(" ", r"\s+")
        for found in re.finditer(spaced, text, re.IGNORECASE):
            line = text.count("\n", 0, found.start()) + 1
            yield f"line {line}: '{found[0]}'; write: {instead}"
