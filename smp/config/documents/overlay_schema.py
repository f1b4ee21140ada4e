"""The JSON schema of what a file says for one environment: every section with nothing required."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

SUFFIX = "Overlay"
"""Ends the name of a definition whose keys may all be left out."""

WHOLE = ("required", "oneOf", "not", "minProperties")
"""What holds of a whole section only."""


def add_overlays(definitions: Schema) -> None:
    """Add a definition without required keys for each section, and let `conf.environments` use them."""
    sections = {name for name, schema in definitions.items() if "properties" in schema}
    for name in sorted(sections):
        definitions[name + SUFFIX] = _section(definitions[name], sections)
    del definitions[f"Conf{SUFFIX}"]["properties"]["environments"]
    environments = definitions["Conf"]["properties"]["environments"]["anyOf"][0]
    environments["additionalProperties"] = {"anyOf": [{"$ref": f"#/$defs/Conf{SUFFIX}"}, NULL]}


NULL: Schema = {"type": "null"}


def _section(schema: Schema, sections: set[str]) -> Schema:
    partial = {key: value for key, value in schema.items() if key not in WHOLE}
    partial["properties"] = {
        key: _or_null(_partial(value, sections)) for key, value in schema["properties"].items()
    }
    if isinstance(schema.get("additionalProperties"), dict):
        partial["additionalProperties"] = _or_null(
            _partial(schema["additionalProperties"], sections)
        )
    return partial


def _partial(schema: Schema, sections: set[str]) -> Schema:
    if "$ref" in schema:
        return {**schema, "$ref": _reference(schema["$ref"], sections)}
    if schema.get("type") == "array":
        if not _holds_sections(schema, sections):
            return schema
        by_name = {"type": "object", "additionalProperties": _partial(schema["items"], sections)}
        described, plain = _discriminated(schema)
        return {**described, "anyOf": [plain, by_name]}
    partial = dict(schema)
    if isinstance(schema.get("additionalProperties"), dict):
        partial["additionalProperties"] = _or_null(
            _partial(schema["additionalProperties"], sections)
        )
    if "oneOf" in schema:
        # What tells the choices apart need not be repeated, so several of them may fit.
        for key in ("oneOf", "discriminator", "required"):
            partial.pop(key, None)
        return {**partial, "anyOf": [_partial(choice, sections) for choice in schema["oneOf"]]}
    if "anyOf" in schema:
        partial["anyOf"] = [_partial(choice, sections) for choice in schema["anyOf"]]
    return partial


def _reference(reference: str, sections: set[str]) -> str:
    """Return a reference into the same place of the definition without required keys."""
    head, definition, *rest = reference.removeprefix("#/").split("/")
    name = definition + SUFFIX if definition in sections else definition
    return "/".join(("#", head, name, *rest))


def _holds_sections(array: Schema, sections: set[str]) -> bool:
    return any(f"#/$defs/{name}" in str(array["items"]).split("'") for name in sections)


def _or_null(schema: Schema) -> Schema:
    """Let a key stand there without a value: it removes what the file says for all environments."""
    if "$ref" in schema and "/properties/" in schema["$ref"]:
        return schema
    choices = schema.get("anyOf")
    if choices is None:
        described, plain = _discriminated(schema)
        return {**described, "anyOf": [plain, NULL]}
    return schema if NULL in choices else {**schema, "anyOf": [*choices, NULL]}


def _discriminated(schema: Schema) -> tuple[Schema, Schema]:
    """Return what is said about a key, and what is allowed there."""
    described: Schema = {key: schema[key] for key in ("description", "default") if key in schema}
    return described, {key: value for key, value in schema.items() if key not in described}
