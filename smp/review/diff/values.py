"""How a setting's value before and after is written for a person: short, with what differs visible.

Two values that differ are never written alike.
"""

from __future__ import annotations

import json
import re
from typing import Any

from smp.definition.differences import MISSING, NAMED_BY, differences, same
from smp.definition.language import is_expression, property_file_of

ABSENT = "not set"
LONGEST = 64
"""Characters of a value that are shown, about."""
AROUND = 12
"""Characters that are shown on both sides of what differs in a long value."""
SHORT_HASH = 8

HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_UNSHOWABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)


def written_pair(before: Any, after: Any) -> tuple[str, str]:
    """Return both sides of a change, shortened around what differs."""
    old, new = written(before), written(after)
    if old == new and not same(before, after):
        old, new = (ABSENT if side is MISSING else _exact(side) for side in (before, after))
    short = _cut(*(HASH.sub(lambda match: match[0][:SHORT_HASH], side) for side in (old, new)))
    return short if short[0] != short[1] else (old, new)


def written(value: Any) -> str:
    """Return a JSON value in one line; an expression as what it reads."""
    if value is MISSING:
        return ABSENT
    if isinstance(value, str):
        return visible(value) if value else '""'
    if is_expression(value):
        return _expression(value)
    return visible(json.dumps(_plain(value), ensure_ascii=False))


def shortened(value: Any) -> str:
    """Return one value for a place without context, shortened at its end if it is long."""
    alone = _members_in_line(value) if isinstance(value, dict) else ""
    text = HASH.sub(lambda match: match[0][:SHORT_HASH], alone or written(value))
    return text if len(text) <= LONGEST * 2 else f"{text[: LONGEST * 2 - 1]}…"


def _members_in_line(value: dict[str, Any]) -> str:
    """Return `S3Uri s3://…, S3DataType S3Prefix` for an item that its list names; the address first."""
    if not value or is_expression(value):
        return ""
    leaves = [
        (found.path[-1], written(found.after))
        for found in differences(MISSING, value)
        if found.path[-1] not in NAMED_BY
    ]
    leaves.sort(key=lambda leaf: leaf[0] != "S3Uri")
    return ", ".join(f"{name} {text}" for name, text in leaves)


def visible(text: str) -> str:
    """Return text without characters that a terminal obeys or hides."""
    return _UNSHOWABLE.sub(lambda match: ascii(match[0])[1:-1], text)


def _exact(value: Any) -> str:
    return visible(json.dumps(value, ensure_ascii=False))


def _plain(value: Any) -> Any:
    """Return a value with each expression in it as the text that is shown for it."""
    if is_expression(value):
        return _expression(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _expression(value: dict[str, Any]) -> str:
    """Return `{Steps.train.ModelArtifacts…}`, and what a join makes of such parts."""
    if "Get" in value:
        return visible(f"{{{value['Get']}}}")
    if "Std:JsonGet" in value:
        step, name = property_file_of(value["Std:JsonGet"])
        path = value["Std:JsonGet"].get("Path")
        return visible(f"{{Steps.{step}.PropertyFiles.{name} at {path}}}")
    join = value["Std:Join"]
    return str(join.get("On", "")).join(written(item) for item in join.get("Values", []))


def _cut(before: str, after: str) -> tuple[str, str]:
    """Shorten two texts that differ: what both begin and end with is left out first."""
    if max(len(before), len(after)) <= LONGEST:
        return before, after
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    if start <= 2 * AROUND:
        start = 0
    if end <= 2 * AROUND:
        end = 0
    return _window(before, start, end), _window(after, start, end)


def _common(before: str, after: str) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b),
        min(len(before), len(after)),
    )


def _window(text: str, start: int, end: int) -> str:
    """Return a text from shortly before what differs to shortly after it, which is cut too if long."""
    first = max(start - AROUND, 0)
    last = len(text) - max(end - AROUND, 0)
    shown = text[first:last]
    if len(shown) > 3 * LONGEST:
        half = LONGEST + AROUND
        shown = f"{shown[:half]} … {len(shown) - 2 * half} characters … {shown[-half:]}"
    return ("…" if first else "") + shown + ("…" if last < len(text) else "")
