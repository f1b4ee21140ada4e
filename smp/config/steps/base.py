"""What every step of a pipeline has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Protocol, runtime_checkable

from pydantic import Field

from smp.config.sections.retry import RetrySection
from smp.config.values.base import ConfigModel, Text, pattern
from smp.definition.expressions import ParameterType

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


Place = tuple[str | int, ...]
"""A key of a step: the names and indexes that lead to it."""


class StepBase(ConfigModel):
    """What every step has."""

    step_name: StepName
    """The name that dependencies and chains use, and that SageMaker shows."""
    step_class: str
    """What the step does."""

    @property
    def typed_outputs(self) -> Mapping[str, ParameterType]:
        """What `STEP.outputs.NAME` may name, with its type."""
        return {}

    def named_files(self) -> Iterator[tuple[Place, str]]:
        """Yield each path below the model's `source_directory` that it names, by its place."""
        yield from ()


@runtime_checkable
class Cached(Protocol):
    """A step whose result the service may reuse."""

    enable_cache: bool
    cache_expire_after: str


@runtime_checkable
class Chaining(Protocol):
    """A step that reads outputs of others."""

    chain_input_source_step: tuple[str, ...]


@runtime_checkable
class Retried(Protocol):
    """A step that may have retry rules of its own."""

    retry: RetrySection | None


@runtime_checkable
class StandInNaming(Protocol):
    """A step that may name a script which a local run starts in its place."""

    local_stand_in: str | None
