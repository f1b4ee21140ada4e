"""The items of a loop: a list as a configuration, a parameter or a step's output holds it.

It imports nothing that takes time: a run reads a loop's items when the loop begins.
"""

from __future__ import annotations

import json
import re
from typing import Any

from smp.errors import Problem
from smp.text.messages import dotted, shown
from smp.text.strict_json import read_json

MAX_ITEMS = 100
"""The SageMaker SDK's limit on a list in a definition."""
MAX_ITEM_CHARACTERS = 12_800
"""IterationContext.Item (botocore 1.44.5)."""

ALLOWED = "a list of 1 to 100 texts, numbers or flags, or of mappings with the same keys"
FIELD = r"[A-Za-z_][A-Za-z0-9_]*"


class ItemError(ValueError):
    """What is wrong with a list of items; `at` leads from the list to the item, or to its field."""

    def __init__(
        self, reason: str, allowed: str | None = None, at: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.allowed = allowed
        self.at = at

    def problem(self, name: str, given: Any) -> Problem:
        """Return what is wrong with the list that a parameter or an argument of a name was given."""
        path = dotted((name, *self.at))
        return Problem(str(self), path=path, found=shown(given), allowed=self.allowed)


def check_items(items: list[Any]) -> list[Any]:
    """Return a list whose items are all scalars, or all mappings of the same keys; raises ItemError."""
    if not 1 <= len(items) <= MAX_ITEMS:
        raise ItemError(f"has {len(items)} items", f"1 to {MAX_ITEMS}")
    keys = list(items[0]) if isinstance(items[0], dict) else None
    for index, item in enumerate(items):
        if isinstance(item, dict):
            _check_fields(item, keys, index)
        elif not isinstance(item, (str, int, float)):
            raise ItemError("is not an item", ALLOWED, (index,))
        elif keys is not None:
            allowed = ", ".join(map(str, keys))
            raise ItemError("is not a mapping, as the items before it are", allowed, (index,))
        if len(item_text(item)) > MAX_ITEM_CHARACTERS:
            raise ItemError("is too long", f"{MAX_ITEM_CHARACTERS:,} characters", (index,))
    return items


def _check_fields(item: dict[Any, Any], keys: list[Any] | None, index: int) -> None:
    if keys is None or sorted(map(str, item)) != sorted(map(str, keys)):
        known = ", ".join(map(str, keys)) if keys else "no mapping, as the items before it"
        raise ItemError("has other keys than the items before it", known, (index,))
    for name, value in item.items():
        if not isinstance(name, str) or not re.fullmatch(FIELD, name):
            reason = f"{shown(name)} is not a name of a field"
            raise ItemError(reason, "letters, digits and _", (index,))
        if not isinstance(value, (str, int, float)):
            raise ItemError("is not a text, number or flag", at=(index, name))


def item_text(item: Any) -> str:
    """Return an item as the definition holds it: a mapping as JSON."""
    return json.dumps(item) if isinstance(item, dict) else str(item)


def items_of(text: str) -> list[Any]:
    """Return the items that a text holds as JSON; raises ItemError."""
    try:
        items = read_json(text)
    except ValueError:
        items = None
    if not isinstance(items, list):
        raise ItemError("is not a list as JSON", ALLOWED)
    return check_items(items)
