"""The engines that run a pipeline, as a configuration names them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from smp.config.values.base import fault, read_list

Target = Literal["sagemaker", "airflow", "stepfunctions"]


def _check_twice(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    for index, target in enumerate(targets):
        if target in targets[:index]:
            raise fault("is given twice", "each target once", at=(index,))
    return targets


Targets = Annotated[
    tuple[Target, ...],
    Field(strict=False, min_length=1),
    BeforeValidator(read_list, json_schema_input_type=Target | list[Target]),
    AfterValidator(_check_twice),
]
