"""Turns what pydantic finds wrong with a file into problems that a person can act on.

It never lets pydantic's own words or type names through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smp.config.read.yaml_tree import Document, Path_
from smp.config.values.base import PATTERN_WORDS, ConfigModel, KeyFault
from smp.config.values.varying import varying_keys
from smp.definition.expressions import Written, unknown_expression, unknown_in
from smp.errors import Problem, near_names
from smp.text.messages import dotted, listed, shown

Words = tuple[str, str | None]
"""What is wrong, and what is allowed."""


def problems_of(error: ValidationError, document: Document) -> list[Problem]:
    """Return one problem for each fault that pydantic found in the document."""
    found = error.errors(include_url=False)
    failed = {details["loc"][:size] for details in found for size in range(len(details["loc"]))}
    return [
        _problem(details, document)
        for details in found
        if not (details["type"] == "too_short" and details["loc"] in failed)
    ]


def describe_error(details: ErrorDetails, value: Any) -> tuple[str, str | None, str | None]:
    """Return the reason of a fault, what is allowed and a hint, for a value that stands in no file."""
    context = details.get("ctx", {})
    reason, allowed = _words(details["type"], context, value) or (details["msg"], None)
    return reason, allowed, context.get("hint") or _hint(details["type"], context, value)


def as_written(path: Path_, positions: Mapping[Path_, Any]) -> Path_:
    """Return a path with each key in the spelling that stands in the file."""
    written: Path_ = ()
    for part in path:
        spellings = ((*written, name) for name in (part, *_spellings(part)))
        written = next((below for below in spellings if below in positions), (*written, part))
    return written


def _problem(details: ErrorDetails, document: Document) -> Problem:
    context = details.get("ctx", {})
    value = details["input"]
    path = (*written_path(details["loc"], document.data), *context.get("at", ()))
    if isinstance(value, KeyFault):
        return _key_problem(value, path, document)
    if isinstance(value, Written) and details["type"] != "smp":
        return _expression_problem(value, path, document)
    missing = _missing_key(details)
    if missing and (*path, missing) in document.origins:
        removed, reason = (*path, missing), f"removes the required key '{missing}'"
        return Problem(reason, document.locate(removed), document.name_of(removed))
    if missing:
        reason = f"the required key '{missing}' is missing"
        return Problem(reason, document.locate(path), document.name_of(path))
    if details["type"] == "union_tag_invalid":
        path, value = (*path, _discriminator(context)), context["tag"]
    reason, allowed = _words(details["type"], context, value) or (details["msg"], None)
    written = _written(document.data, path, value)
    if _is_key(details, written):
        location = document.keys.get(path) or document.locate(path)
        reason, hint = f"the name {reason}", context.get("hint")
        return Problem(
            reason, location, dotted(document.written(path)[:-1]), shown(value), allowed, hint
        )
    hint = context.get("hint") or _hint(details["type"], context, written)
    found = shown(written)
    if isinstance(written, str) and "${env:" in written and isinstance(value, str):
        found += f", which is {shown(value)}"
    if not path:
        reason, allowed = f"the file {reason}", "the key 'conf'"
    return Problem(reason, document.locate(path), document.name_of(path), found, allowed, hint)


def _missing_key(details: ErrorDetails) -> str | int | None:
    if details["type"] == "missing":
        return details["loc"][-1]
    return _discriminator(details["ctx"]) if details["type"] == "union_tag_not_found" else None


def _discriminator(context: Mapping[str, Any]) -> str:
    """Return the key that says which model of a union is meant."""
    return str(context["discriminator"]).strip("'")


OF_JOBS = "values of a job such as hyperparameters, env, instance_type and fileName"


def _expression_problem(written: Written, path: Path_, document: Document) -> Problem:
    unknown = unknown_in(written.text)
    if unknown is not None:
        reason, allowed, hint = unknown_expression(unknown)
    else:
        reason = "is needed when the pipeline is built, so no parameter is allowed here"
        keys = varying_keys(written.section)
        where = f"{listed(keys)} of this section" if keys else OF_JOBS
        allowed = f"a value; parameters are allowed in {where}"
        hint = "${env:NAME} and conf.environments are put in when the file is read"
    return Problem(
        reason, document.locate(path), document.name_of(path), shown(written.text), allowed, hint
    )


def _is_key(details: ErrorDetails, written: Any) -> bool:
    """Tell whether the fault lies in a key that the user names, not in what stands under it."""
    loc, value = details["loc"], details["input"]
    if not loc or not isinstance(value, str):
        return False
    return loc[-1] == "[key]" or (loc[-1] == value and not isinstance(written, str))


def _hint(kind: str, context: Mapping[str, Any], written: Any) -> str | None:
    if kind in ("literal_error", "union_tag_invalid") and isinstance(written, str):
        expected = context.get("expected") or context["expected_tags"]
        return near_names(written, re.findall(r"'([^']*)'", expected))
    if kind == "string_type" and isinstance(written, (int, float)):
        return f'put it in quotes: "{shown(written)}"'
    return None


def _key_problem(fault: KeyFault, path: Path_, document: Document) -> Problem:
    name = str(path[-1]) if path else ""
    hint = near_names(name, fault.known) or fault.hint
    allowed = listed(fault.known) if fault.known else None
    location = document.keys.get(path) or document.locate(path)
    return Problem(fault.reason, location, document.name_of(path), None, allowed, hint)


@cache
def keys_with_spelling(key: str) -> frozenset[str]:
    """Return a key and the keys that it is another spelling of."""
    models = _models(ConfigModel)
    return frozenset({key, *(model.spellings[key] for model in models if key in model.spellings)})


def written_path(loc: tuple[int | str, ...], data: Any) -> Path_:
    """Return the part of pydantic's path that the file holds, in the file's own spelling."""
    path: list[str | int] = []
    for part in loc:
        written: int | str | None = None
        if isinstance(data, dict):
            written = next((name for name in (part, *_spellings(part)) if name in data), None)
            if written is None and part in data.values():
                continue  # the kind that `type` or `step_class` chose, which stands in no path
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            written = part
        if written is None:
            break
        path.append(written)
        data = data[written]
    return tuple(path)


def _spellings(key: str | int) -> Iterator[str]:
    for model in _models(ConfigModel):
        yield from (written for written, name in model.spellings.items() if name == key)


def _models(model: type[ConfigModel]) -> Iterator[type[ConfigModel]]:
    for below in model.__subclasses__():
        yield below
        yield from _models(below)


def _written(data: Any, path: Path_, default: Any) -> Any:
    """Return what the file itself holds at a path, before placeholders were replaced."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return default
    return data


def _or(names: list[str]) -> str:
    """Return names in quotes, as pydantic lists the values of a literal."""
    *first, last = (f"'{name}'" for name in names)
    return f"{', '.join(first)} or {last}" if first else last


def _words(kind: str, context: Mapping[str, Any], value: Any) -> Words | None:
    if kind in ("too_short", "too_long") and isinstance(value, str):
        kind = f"string_{kind}"
    if kind in WORDS:
        return WORDS[kind](context)
    if kind in MAPPING_TYPES:
        return ("is empty", "keys and values") if value is None else ("must be a mapping", None)
    return None


MAPPING_TYPES = ("dict_type", "model_type", "model_attributes_type")

WORDS: Mapping[str, Callable[[Mapping[str, Any]], Words]] = {
    "string_type": lambda _: ("must be text", None),
    "int_type": lambda _: ("must be a whole number", None),
    "float_type": lambda _: ("must be a number", None),
    "bool_type": lambda _: ("must be true or false", None),
    "tuple_type": lambda _: ("must be a list", None),
    "greater_than_equal": lambda context: ("is too small", f"at least {context['ge']}"),
    "less_than_equal": lambda context: ("is too large", f"at most {context['le']}"),
    "literal_error": lambda context: ("is not one of the allowed values", context["expected"]),
    "union_tag_invalid": lambda context: (
        "is not one of the allowed values",
        _or(re.findall(r"'([^']*)'", context["expected_tags"])),
    ),
    "string_pattern_mismatch": lambda context: (
        "is not allowed here",
        PATTERN_WORDS.get(context["pattern"], context["pattern"]),
    ),
    "string_too_short": lambda _: ("must not be empty", None),
    "string_too_long": lambda context: (
        "is too long",
        f"at most {context['max_length']} characters",
    ),
    "too_short": lambda context: ("has too few entries", f"at least {context['min_length']}"),
    "too_long": lambda context: ("has too many entries", f"at most {context['max_length']}"),
    "smp": lambda context: (context["reason"], context.get("allowed")),
}
