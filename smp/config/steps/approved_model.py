"""The step of class `ApprovedModel`: which version of a model package group later steps use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from smp.config.steps.base import StepBase
from smp.config.values.aws import HYPHENATED, ImageUri
from smp.config.values.base import Text, fault, read_list
from smp.config.values.varying import VARIES
from smp.definition.expressions import ParameterType


def _check_version(value: int | str) -> int | str:
    if not re.fullmatch("latest|[1-9][0-9]*", str(value)):
        raise fault("is not a version", "latest, or the number of a version")
    return value


Version = Annotated[
    int | str,
    WithJsonSchema({"anyOf": [{"enum": ["latest"]}, {"type": "integer", "minimum": 1}]}),
    AfterValidator(_check_version),
    VARIES,
]


def _check_place(value: str) -> str:
    if not re.fullmatch(r"s3://[^/]+/.*", value):
        raise fault("is not a prefix in a bucket", "s3://BUCKET/PREFIX")
    return value


Places = Annotated[
    tuple[Annotated[Text, AfterValidator(_check_place)], ...],
    Field(strict=False),
    BeforeValidator(read_list, json_schema_input_type=str | list[str]),
]
Images = Annotated[
    tuple[ImageUri, ...],
    Field(strict=False),
    BeforeValidator(read_list, json_schema_input_type=str | list[str]),
]


APPROVED_OUTPUTS: Mapping[str, ParameterType] = {
    "ModelPackageArn": "String",
    "ModelPackageVersion": "Integer",
    "Exists": "Boolean",
}
"""What such a step puts out, beside the metrics that conditions and messages read of it."""


class ApprovedModelStep(StepBase):
    """A step that looks up an approved version in the model registry when the pipeline runs."""

    step_class: Literal["ApprovedModel"]
    """What the step does."""
    model_package_group: Text | None = Field(default=None, pattern=HYPHENATED)
    """The group whose version is looked up; this or `model`."""
    model: Text | None = None
    """In place of `model_package_group`: a model of the workspace, which stands for the group that a
    pipeline registers it in."""
    version: Version = "latest"
    """The newest approved version, or one by its number, which has to be approved too."""
    when_none: Literal["fail", "continue"] = "fail"
    """What happens where no such version is approved."""
    artifacts: Places = ()
    """Where artifacts of the group's versions lie, beside where the workspace's pipeline puts them."""
    images: Images = ()
    """Images of the group's versions, beside the one that the workspace's pipeline registers."""
    reports: Places = ()
    """Where metrics reports of the group's versions lie, beside where the workspace's pipeline puts
    them."""

    @property
    def typed_outputs(self) -> Mapping[str, ParameterType]:
        return APPROVED_OUTPUTS

    @model_validator(mode="after")
    def _check_group(self) -> ApprovedModelStep:
        allowed = "one of model_package_group and model"
        if self.model_package_group is None and self.model is None:
            raise fault("does not name the group", allowed)
        if self.model_package_group is not None and self.model is not None:
            raise fault("names the group twice", allowed)
        return self
