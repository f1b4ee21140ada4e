"""The parameters that a pipeline declares: what anyone who starts an execution may set."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, model_validator

from smp.config.values.base import (
    ConfigModel,
    EnvironmentText,
    Text,
    fault,
    pattern,
    read_scientific,
)
from smp.definition.expressions import NAME, ParameterType
from smp.definition.parameter_text import MAX_VALUE, Value, read_text
from smp.errors import near_names

MAX_PARAMETERS = 200
"""StartPipelineExecution.PipelineParameters (botocore 1.44.5)."""

MEANINGS: dict[str, str] = {
    "String": "text",
    "Integer": "a whole number",
    "Float": "a number",
    "Boolean": "true or false",
}


def _read_default(value: Any, info: ValidationInfo) -> Value:
    kind = info.data.get("type", "String")
    read = of_type(value, kind)
    if read is None:
        quoted = kind == "String" and isinstance(value, (int, float))
        hint = f'put it in quotes: "{value}"' if quoted else None
        raise fault(f"is not a default of a parameter of type {kind}", MEANINGS[kind], hint)
    if len(str(read)) > MAX_VALUE:
        raise fault("is too long", f"at most {MAX_VALUE:,} characters")
    return read


def of_type(value: Any, kind: str) -> Value | None:
    """Return a value of YAML, or an environment variable's text, as one of the type; else None."""
    if isinstance(value, EnvironmentText) and kind != "String":
        try:
            return read_text(value, kind)
        except ValueError:
            return None
    if kind == "Boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if kind == "Float":
        number = read_scientific(value)
        is_finite = isinstance(number, (int, float)) and math.isfinite(number)
        return float(number) if is_finite else None
    if kind == "Integer":
        return value if isinstance(value, int) else None
    return str(value) if isinstance(value, str) else None


Default = Annotated[
    Value, PlainValidator(_read_default, json_schema_input_type=str | int | float | bool)
]


class ParameterConfig(ConfigModel):
    """A value that anyone who starts an execution may set; `${parameters.NAME}` stands for it."""

    name: str = Field(
        pattern=pattern(f"^{NAME}$", "1 to 64 letters, digits, hyphens and underscores")
    )
    """The name, the only one of that name in the pipeline."""
    type: ParameterType = "String"
    """What kind of value it takes."""
    default: Default | None = None
    """The value of an execution that sets none; without it every execution has to."""
    allowed_values: tuple[Annotated[Text, Field(max_length=MAX_VALUE)], ...] = Field(
        default=(), strict=False
    )
    """For type String: the values that it takes; without them any."""
    description: Text | None = Field(default=None, max_length=1024)
    """What it is for."""

    @model_validator(mode="after")
    def _check_allowed(self) -> ParameterConfig:
        if not self.allowed_values:
            return self
        if self.type != "String":
            reason = "has no effect: the service keeps to the allowed values of type String alone"
            raise fault(reason, "type: String, or no allowed_values", at=("allowed_values",))
        for index, value in enumerate(self.allowed_values):
            if value in self.allowed_values[:index]:
                raise fault("is already in the list", at=("allowed_values", index))
        if self.default is not None and self.default not in self.allowed_values:
            hint = near_names(str(self.default), self.allowed_values)
            reason = "is not one of the allowed values"
            raise fault(reason, ", ".join(self.allowed_values), hint, at=("default",))
        return self

    @property
    def known_values(self) -> tuple[Value, ...]:
        """The values that are known before a start: those allowed, else the default, else none."""
        if self.allowed_values:
            return self.allowed_values
        return () if self.default is None else (self.default,)


def _check_names(parameters: tuple[ParameterConfig, ...]) -> tuple[ParameterConfig, ...]:
    names = [parameter.name for parameter in parameters]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise fault("a parameter of this name is already defined above", at=(index, "name"))
    return parameters


Parameters = Annotated[
    tuple[ParameterConfig, ...],
    Field(strict=False, max_length=MAX_PARAMETERS),
    AfterValidator(_check_names),
]
