"""What differs between two compiled values, place by place: definitions, their steps, their code."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from smp.definition.compiled import CONTAINERS, CodeTree, Json
from smp.definition.language import is_expression

NAMED_BY = ("ChannelName", "InputName", "OutputName", "Name", "PropertyFileName", "Key")
"""Members that name an item of a list: a difference is reported by the name, not the position."""

ORDER = "[order]"
"""The last part of the path of a list of the same items in another order."""

Path = tuple[str, ...]
"""Keys from the outside in; an item of a list is `[name]`, or `[0]` where it has none."""


class Missing:
    """The mark of a value that is absent, which is not the same as null."""

    def __repr__(self) -> str:
        return "MISSING"

    def __reduce__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@dataclass(frozen=True)
class Difference:
    """A place where two values differ; MISSING is the side that has nothing there."""

    path: Path
    before: Any
    after: Any

    @property
    def name(self) -> str:
        """The path as text: `Arguments.InputDataConfig[train].InputMode`."""
        return "".join(
            part if part.startswith("[") or not n else f".{part}"
            for n, part in enumerate(self.path)
        )


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[Difference]:
    """Yield every place where two JSON values differ; an expression is one value.

    A named item of a list that only one side has is one difference; of any other value that only one
    side has, each leaf is. True and 1 differ, null and nothing do too.
    """
    old, new = _members(before), _members(after)
    if before is MISSING and new:
        old = {}
    elif after is MISSING and old:
        new = {}
    elif _is_list(before) != _is_list(after):
        old = None
    if old is None or new is None:
        if not same(before, after):
            yield Difference(path, before, after)
        return
    for key in dict.fromkeys((*old, *new)):
        then, now = old.get(key, MISSING), new.get(key, MISSING)
        if key.startswith("[") and MISSING in (then, now):
            yield Difference((*path, key), then, now)
        else:
            yield from differences(then, now, (*path, key))
    if _is_list(before) and old.keys() == new.keys() and list(old) != list(new):
        yield Difference((*path, ORDER), list(old), list(new))


def same(before: Any, after: Any) -> bool:
    """Whether two JSON values are the same for a program that reads them."""
    if MISSING in (before, after):
        return before is after
    return _canonical(before) == _canonical(after)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _members(value: Any) -> dict[str, Any] | None:
    """Return what a value consists of by key, None for a leaf: scalars, expressions, lists of those."""
    if isinstance(value, Mapping):
        return None if is_expression(value) else dict(value)
    if _is_list(value):
        return _items(value)
    return None


def _is_list(value: Any) -> bool:
    """Whether it is a list whose items have names: one of mappings."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Mapping) and not is_expression(item) for item in value)
    )


def _items(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return items by name or position; a second one of a name gets a number."""
    found: dict[str, Any] = {}
    for index, item in enumerate(items):
        name = next((item[key] for key in NAMED_BY if isinstance(item.get(key), str)), index)
        key, number = f"[{name}]", 1
        while key in found:
            number += 1
            key = f"[{name} #{number}]"
        found[key] = item
    return found


def own_settings(step: Json) -> Json:
    """Return a step without its name and without the steps inside it, which are steps themselves."""
    arguments = step.get("Arguments")
    own = {key: value for key, value in step.items() if key != "Name"}
    if isinstance(arguments, dict):
        own["Arguments"] = {
            key: value
            for key, value in arguments.items()
            if not (key in CONTAINERS and isinstance(value, list))
        }
    return own


def trees_by_origin(trees: Iterable[CodeTree]) -> dict[str, list[CodeTree]]:
    """Return trees by what a reader knows them by; one origin can have several."""
    found: dict[str, list[CodeTree]] = {}
    for tree in trees:
        found.setdefault(tree.origin, []).append(tree)
    return found


def name_changed_trees(value: Any, before: Iterable[CodeTree], after: Iterable[CodeTree]) -> Any:
    """Return a JSON value with its origin in place of the hash of each tree that one side alone has.

    So a definition does not differ where only the content of its code does.
    """
    old, new = ({tree.sha256: tree.origin for tree in trees} for trees in (before, after))
    names = {sha256: f"<{({**old, **new})[sha256]}>" for sha256 in old.keys() ^ new.keys()}
    if not names:
        return value

    def renamed(item: Any) -> Any:
        if isinstance(item, str):
            for sha256, name in names.items():
                item = item.replace(sha256, name)
            return item
        if isinstance(item, list):
            return [renamed(inner) for inner in item]
        if isinstance(item, dict):
            return {key: renamed(inner) for key, inner in item.items()}
        return item

    return renamed(value)
