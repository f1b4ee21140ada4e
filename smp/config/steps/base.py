"""What every step of a pipeline has."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smp.config.values.base import ConfigModel, Text, pattern

StepName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z0-9](-*[A-Za-z0-9])*$",
            "letters, digits and hyphens, no hyphen first or last",
        ),
        max_length=64,
    ),
]
"""CreatePipeline takes 64 characters (botocore 1.44.5)."""

CacheDuration = Annotated[
    Text,
    Field(
        pattern=pattern(
            r"^((\d+[ymwd])+(T(\d+[hm])+)?|T(\d+[hm])+)$",
            "a duration such as 10d, 2w or 1dT12h",
        )
    ),
]


class StepBase(ConfigModel):
    """What every step has."""

    step_name: StepName
    """The name that dependencies and chains use, and that SageMaker shows."""
    step_class: str
    """What the step does."""
