"""Hyperparameters: the values that a training job gets, kept as they are written.

Which of them can be delivered is checked with the step: the same section may serve a Training and a
Tuning step, whose scripts are started in different ways.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from smp.config.values.base import LINE, TAKEN_AS_IT_IS, fault
from smp.config.values.varying import VARIES
from smp.definition.expressions import Written
from smp.definition.hyperparameters import MAX_VALUE

MAX_CHOICE = 256
Path_ = tuple[str | int, ...]


def _check(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > MAX_VALUE:
            raise fault(f"has {len(value):,} characters", f"at most {MAX_VALUE:,}")
        return str(value)
    return _plain(value, ())


def _plain(value: Any, at: Path_) -> Any:
    """Return a value with tuples for its lists, as frozen sections have them."""
    if isinstance(value, float) and not math.isfinite(value):
        raise fault("must be a finite number", at=at)
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, list):
        return tuple(_inner(item, (*at, index)) for index, item in enumerate(value))
    if isinstance(value, dict):
        return {key: _inner(item, (*at, key)) for key, item in value.items()}
    raise fault("is no hyperparameter", "text, a number, true, false, a list or a mapping", at=at)


def _inner(value: Any, at: Path_) -> Any:
    if isinstance(value, Written):
        reason = "refers to a parameter inside a list or mapping, which arrives as JSON text"
        raise fault(reason, "plain values, or a hyperparameter of its own", at=at)
    return value if value is None else str(value) if isinstance(value, str) else _plain(value, at)


def _check_choice(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_CHOICE:
        raise fault(f"has {len(value):,} characters", f"at most {MAX_CHOICE:,}")
    if isinstance(value, (list, dict)):
        raise fault("is no value that a search chooses", "text, a number, true or false")
    return _check(value)


HyperparameterName = Annotated[str, Field(min_length=1, max_length=256), LINE]
Hyperparameter = Annotated[
    Any,
    PlainValidator(_check),
    WithJsonSchema(
        {"type": ["string", "number", "boolean", "array", "object"], "maxLength": MAX_VALUE}
    ),
    VARIES,
]
Choice = Annotated[
    Any,
    PlainValidator(_check_choice),
    WithJsonSchema({"type": ["string", "number", "boolean"], "maxLength": MAX_CHOICE}),
]
"""One value of a categorical range."""
Hyperparameters = Annotated[
    dict[HyperparameterName, Hyperparameter], Field(max_length=100), TAKEN_AS_IT_IS
]
"""Limits of CreateTrainingJob (botocore 1.44.5)."""
