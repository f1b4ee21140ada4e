"""The JSON schema of a configuration file, for editors and for checks outside this project."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from smp.config.documents.overlay_schema import add_overlays
from smp.config.project import KIND, ConfFile
from smp.config.values.aws import ModelName, SectionName
from smp.config.values.base import ConfigModel
from smp.config.values.instance_types import InstanceKind, instance_types
from smp.config.values.varying import IN_SCHEMA, mark_of
from smp.definition.expressions import NAME

DIALECT = "https://json-schema.org/draft/2020-12/schema"
VARIABLE = r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}"
"""Where a value is checked, an environment variable may stand for it or in it."""
PARAMETER = rf"\$\{{parameters\.{NAME}\}}"
"""Where a value may vary, so may a parameter."""
ITEM = r"\$\{item(\.[A-Za-z_][A-Za-z0-9_]*)?\}"
"""And in a step of a loop its item."""
TAKES_PARAMETERS = " Takes parameters."
"""Ends the description of every key whose value, or whose values, may vary."""

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return the JSON schema (draft 2020-12) of one configuration file as a person writes it."""
    schema = ConfFile.model_json_schema(by_alias=True)
    definitions: dict[str, Schema] = schema.pop("$defs")
    models = {model.__name__: model for model in config_models()}
    for name, definition in definitions.items():
        _describe(definition, models[name])
    _describe(schema, ConfFile)
    definitions["ModelPart"]["additionalProperties"]["required"] = [KIND]
    definitions["ModelPart"]["propertyNames"] = {"pattern": _pattern_of(SectionName)}
    definitions["Models"]["propertyNames"] = {"pattern": _pattern_of(ModelName)}
    for kind in get_args(InstanceKind):
        definitions[kind] = {"enum": list(instance_types(kind))}
    whole = {"$schema": DIALECT, **schema, "$defs": dict(sorted(definitions.items()))}
    _simplify(whole)
    add_overlays(whole["$defs"])
    return whole


def config_models(base: type[ConfigModel] = ConfigModel) -> Iterator[type[ConfigModel]]:
    """Yield every config model below `base`."""
    for model in base.__subclasses__():
        yield model
        yield from config_models(model)


def _describe(definition: Schema, model: type[ConfigModel]) -> None:
    """Add what pydantic leaves out: descriptions, other spellings, keys with no value."""
    properties = definition.get("properties", {})
    definition.pop("title", None)
    for name, field in model.model_fields.items():
        schema = properties[field.alias or name]
        schema.pop("title", None)
        if not field.is_required():
            schema = _or_null(schema)
        takes = TAKES_PARAMETERS if mark_of(model, name) else ""
        description = _description(model, name) + takes
        properties[field.alias or name] = {"description": description, **schema}
    for written, key in model.spellings.items():
        properties[written] = {
            "description": f"Another spelling of `{key}`.",
            "$ref": f"#/$defs/{model.__name__}/properties/{key}",
        }
        both = {"not": {"required": [written, key]}}
        definition.setdefault("allOf", []).append(both)


def _or_null(schema: Schema) -> Schema:
    """Let a key that has a default stand there without a value."""
    default = schema.pop("default", None)
    choices = schema.pop("anyOf", None) or [schema.copy()]
    choices = [*(choice for choice in choices if choice != NULL), NULL]
    kept = {"default": default} if default not in (None, {}, []) else {}
    return {"anyOf": choices, **({} if isinstance(default, dict) else kept)}


NULL: Schema = {"type": "null"}


def _pattern_of(annotated: Any) -> str:
    return next(
        str(constraint.pattern)
        for field in annotated.__metadata__
        for constraint in field.metadata
        if hasattr(constraint, "pattern")
    )


def _simplify(schema: Any) -> None:
    """Say what pydantic says in fewer words, and let `${env:NAME}` stand where a value is checked."""
    if isinstance(schema, list):
        for item in schema:
            _simplify(item)
    if not isinstance(schema, dict):
        return
    _check_names(schema)
    _join_types(schema)
    for key, value in schema.items():
        if key not in ("default", "enum", "required", "propertyNames"):
            _simplify(value)
    if "anyOf" in schema:
        nested = [c["anyOf"] if set(c) == {"anyOf"} else [c] for c in schema["anyOf"]]
        schema["anyOf"] = [choice for choices in nested for choice in choices]
    kind = schema.pop("x-instance-kind", None)
    stands_for = f"{VARIABLE}|{PARAMETER}|{ITEM}" if schema.pop(IN_SCHEMA, False) else VARIABLE
    if kind:
        _replace(schema, {"$ref": f"#/$defs/{kind}"}, stands_for)
    elif isinstance(schema.get("pattern"), str):
        schema["pattern"] = f"({schema['pattern']})|{stands_for}"
    elif schema.get("type") == "integer" or ("enum" in schema and "type" in schema):
        checked = {key: schema[key] for key in schema if key in CONSTRAINTS}
        _replace(schema, checked, stands_for)


def _check_names(schema: Schema) -> None:
    """Refuse names that do not match, where pydantic only describes those that do."""
    patterns = schema.get("patternProperties")
    if isinstance(patterns, dict) and len(patterns) == 1:
        [(pattern, below)] = schema.pop("patternProperties").items()
        schema["additionalProperties"] = below
        schema["propertyNames"] = {**schema.get("propertyNames", {}), "pattern": pattern}


def _join_types(schema: Schema) -> None:
    choices = schema.get("anyOf")
    if isinstance(choices, list) and all(set(choice) == {"type"} for choice in choices):
        types = [choice["type"] for choice in schema.pop("anyOf")]
        schema["type"] = [name for name in types if name != "integer" or "number" not in types]


CONSTRAINTS = ("type", "enum", "minimum", "maximum", "minLength", "maxLength")


def _replace(schema: Schema, checked: Schema, stands_for: str) -> None:
    for key in CONSTRAINTS:
        schema.pop(key, None)
    pattern = f"^({stands_for})$" if "|" in stands_for else f"^{stands_for}$"
    schema["anyOf"] = [checked, {"type": "string", "pattern": pattern}]


def _description(model: type[ConfigModel], attribute: str) -> str:
    for ancestor in model.__mro__:
        text = _attribute_texts(ancestor.__module__).get((ancestor.__name__, attribute))
        if text:
            return text
    raise LookupError(f"{model.__name__}.{attribute} has no text below it")


@cache
def _attribute_texts(module: str) -> dict[tuple[str, str], str]:
    """Return the text below each attribute of a module's classes, by class and attribute."""
    if not module.startswith("smp."):
        return {}
    texts = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        body = node.body if isinstance(node, ast.ClassDef) else []
        for statement, below in pairwise(body):
            text = below.value if isinstance(below, ast.Expr) else None
            if isinstance(statement, ast.AnnAssign) and isinstance(text, ast.Constant):
                name = ast.unparse(statement.target)
                assert isinstance(node, ast.ClassDef)
                texts[node.name, name] = inspect.cleandoc(str(text.value)).replace("\n", " ")
    return texts
