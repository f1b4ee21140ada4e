"""Ends every S3 address that a job reads as a prefix with `/`, unless it names one object.

SageMaker reads all objects whose keys begin with an S3Prefix: `…/train` is also `…/train_aug/x.csv`.
It runs over the whole definition, so that no renderer can forget it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from smp.compiler.expressions import merged
from smp.config.sections.parameters import ParameterConfig
from smp.definition.compiled import CURRENT_ITEM, Json
from smp.definition.language import is_expression, step_property
from smp.definition.unroll_loops import ITEMS

FILE = re.compile(r"[^/.][^/]*\.(?:[A-Za-z][A-Za-z0-9]{0,15}|7z)")
"""The last segment of an address that names one object: a name with an extension."""
DIRECTORIES = ("S3Output.S3Uri", "TransformOutput.S3OutputPath")
"""The properties of steps that are addresses of directories; others may be those of one object."""
UNKNOWN = "x"
"""Stands in a check for a value that only the execution knows: a name without an extension."""


def close_prefixes(steps: list[Json], parameters: Iterable[ParameterConfig]) -> list[Json]:
    """Return steps whose jobs do not read the siblings of their inputs."""
    known = {f"Parameters.{one.name}": one.known_values for one in parameters}
    closed: list[Json] = _Closing(known).value(steps)
    return closed


def _fields(items: Any) -> dict[str, tuple[Any, ...]]:
    """Return the values of a loop's item, and of each of its fields, if they are in the definition."""
    if not isinstance(items, list):
        return {}
    known = {CURRENT_ITEM: tuple(items)}
    try:
        mappings = [json.loads(item) for item in items]
        return known | {f"{CURRENT_ITEM}.{k}": tuple(m[k] for m in mappings) for k in mappings[0]}
    except (ValueError, TypeError):  # the items are no mappings
        return known


def _ends(uri: str) -> bool:
    """Whether an address ends with `/` or names one object."""
    _, slash, name = uri.removeprefix("s3://").rpartition("/")
    return bool(slash) and (name == "" or FILE.fullmatch(name) is not None)


class _Closing:
    """One pass over a definition. `known` holds the values that a reference can have."""

    def __init__(self, known: Mapping[str, tuple[Any, ...]]) -> None:
        self._known = known

    def value(self, value: Any) -> Any:
        """Return a JSON value with its prefixes closed."""
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if not isinstance(value, dict):
            return value
        inside = self
        if ITEMS in value:
            inside = _Closing({**self._known, **_fields(value[ITEMS])})
        closed = {key: inside.value(item) for key, item in value.items()}
        if closed.get("S3DataType") == "S3Prefix":
            closed["S3Uri"] = self._closed(closed["S3Uri"])
        return closed

    def _closed(self, uri: Any) -> Any:
        joined = uri.get("Std:Join") if isinstance(uri, dict) else None
        parts, separator = (joined["Values"], joined["On"]) if joined else ([uri], "")
        if self._is_closed(parts, separator):
            return uri
        if isinstance(uri, str):
            return f"{uri}/"
        spread = [item for part in parts for item in (separator, part)][1:]
        return {"Std:Join": {"On": "", "Values": merged([*spread, "/"])}}

    def _is_closed(self, parts: list[Any], separator: str) -> bool:
        """Whether an address, in parts, ends with `/` or names one object."""
        last = parts[-1]
        step = step_property(last)
        if step is not None:
            return not step[1].endswith(DIRECTORIES)
        if len(parts) == 1 and is_expression(last):
            return True
        texts = [part if isinstance(part, str) else UNKNOWN for part in parts[:-1]]
        return all(map(_ends, (separator.join([*texts, ending]) for ending in self._endings(last))))

    def _endings(self, last: Any) -> list[str]:
        if isinstance(last, str):
            return [last]
        values = self._known.get(last.get("Get", ""), ())
        return [str(value) for value in values] or [UNKNOWN]
