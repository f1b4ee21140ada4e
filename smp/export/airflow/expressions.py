"""Values of the definition language as Python source for the runtime's expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from smp.definition.compiled import Json
from smp.definition.deploy_values import LIST_VALUES, PATTERN
from smp.definition.language import is_expression, property_file_of
from smp.export.airflow.source import Group, Node, call, literal, mapping, sequence
from smp.export.workflow import PropertyFile


class Expressions:
    """Turns JSON values into source; knows the names of constants in the file that is written."""

    def __init__(
        self, constants: Mapping[str, str], property_files: Sequence[tuple[PropertyFile, str]]
    ) -> None:
        self._constants = constants
        self._files = {(file.step, file.name): name for file, name in property_files}
        self._locations = [(file.location, name) for file, name in property_files]

    def node(self, value: Any) -> Node:
        """Return the source of a JSON value."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return self._list(value)
        if not isinstance(value, dict):
            return literal(value)
        if is_expression(value):
            return self.expression(value)
        return mapping({key: self.node(item) for key, item in value.items()})

    def members(self, value: Json) -> dict[str, Node]:
        """Return the source of each member of a request."""
        return {key: self.node(item) for key, item in value.items()}

    def expression(self, value: Json) -> Group:
        """Return the source of an expression, spelt out."""
        if "Get" in value:
            return call("Get", literal(value["Get"]))
        if "Std:Join" in value:
            parts = value["Std:Join"]
            joined = [self.node(item) for item in parts["Values"]]
            return call("Join", literal(parts.get("On", "")), *joined)
        reading = value["Std:JsonGet"]
        file = self._files[property_file_of(reading)]
        return call("JsonGet", file, literal(reading["Path"]))

    def _list(self, value: list[Any]) -> Node:
        if len(value) == 1 and isinstance(value[0], str):
            match = PATTERN.fullmatch(value[0])
            if match and match[1] in LIST_VALUES:
                return self._constants[match[1]]
        return sequence(self.node(item) for item in value)

    def _text(self, value: str) -> str:
        """Return a text, with the constants in the place of deploy-time names."""
        whole = PATTERN.fullmatch(value)
        if whole:
            return self._constants[whole[1]]
        if not PATTERN.search(value):
            return literal(value)
        escaped = value.replace("{", "{{").replace("}", "}}")
        text = literal(escaped)
        for name in sorted(set(PATTERN.findall(value))):
            text = text.replace(f"${{{{smp:{name}}}}}", f"{{{self._constants[name]}}}")
        return f"f{text}"
