"""The `sagemakerPipeline` section: which steps run, for which models, in which order.

It never checks one step against another; `smp.graph` does.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from smp.config.fields import ConfigModel, Flag, Tags, Text, TextList, pattern
from smp.config.values import ModelName

StepClass = Literal[
    "Processing", "Training", "CreateModel", "Transform", "Metrics", "RegisterModel"
]
STEP_CLASSES: tuple[str, ...] = get_args(StepClass)

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


class StepConfig(ConfigModel):
    """One step of a pipeline."""

    spellings: ClassVar[dict[str, str]] = {"chain_input_source_steps": "chain_input_source_step"}

    step_name: StepName
    """The name that dependencies and chains use, and that SageMaker shows."""
    step_class: StepClass
    """What the step does."""
    step_type: Text | None = None
    """The model's section that the step uses; each class has a default for it."""
    enable_cache: Flag = False
    """Whether SageMaker may reuse the result of an earlier, equal step."""
    cache_expire_after: Text = Field(
        default="10d",
        pattern=pattern(
            r"^((\d+[ymwd])+(T(\d+[hm])+)?|T(\d+[hm])+)$",
            "a duration such as 10d, 2w or 1dT12h",
        ),
    )
    """How long a result may be reused."""
    chain_input_source_step: TextList = ()
    """Steps whose outputs are inputs of this one."""
    chain_input_additional_prefix: str = Field(default="", max_length=1024)
    """For Transform: the place inside the chained output that is sent to the model."""


class ModelSteps(ConfigModel):
    """The steps of one model."""

    steps: tuple[StepConfig, ...] = Field(min_length=1, strict=False)
    """The steps, in the order in which they read."""


class PipelineConfig(ConfigModel):
    """One SageMaker pipeline."""

    pipeline_name: str = Field(
        alias="pipelineName",
        pattern=pattern(
            r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,255}$",
            "1 to 256 letters, digits and hyphens, no hyphen first or last",
        ),
    )
    """The pipeline's name, the only one of that name in the workspace."""
    display_name: Text | None = Field(default=None, alias="displayName", max_length=256)
    """The name that SageMaker shows."""
    description: Text | None = Field(default=None, max_length=3072)
    """What the pipeline is for."""
    max_parallel_execution_steps: int | None = Field(
        default=None, alias="maxParallelExecutionSteps", ge=1
    )
    """How many steps of one execution run at once."""
    max_steps: int = Field(default=50, alias="maxSteps", ge=1)
    """The number of steps above which the pipeline is refused: the account's quota."""
    tags: Tags = ()
    """Tags of the pipeline."""
    models: dict[ModelName, ModelSteps] = Field(min_length=1)
    """The models whose steps the pipeline runs."""
    dependencies: TextList = ()
    """What waits for what: `a >> b >> c`."""
