"""The `sagemakerPipeline` section: which steps run, for which models, in which order.

It never checks one step against another; `smp.graph` does.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from smp.config.fields import ConfigModel, Flag, Tags, Text, TextList

StepClass = Literal[
    "Processing", "Training", "CreateModel", "Transform", "Metrics", "RegisterModel"
]
STEP_CLASSES: tuple[str, ...] = get_args(StepClass)

StepName = Annotated[str, Field(pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9])*$", max_length=64)]
"""CreatePipeline takes 64 characters (botocore 1.44.5)."""


class StepConfig(ConfigModel):
    """One step. `step_type` names the model's section that it uses; the class has a default for it."""

    spellings: ClassVar[dict[str, str]] = {"chain_input_source_steps": "chain_input_source_step"}

    step_name: StepName
    step_class: StepClass
    step_type: Text | None = None
    enable_cache: Flag = False
    cache_expire_after: Text = Field(
        default="10d",
        pattern=r"^((\d+[ymwd])+(T(\d+[hm])+)?|T(\d+[hm])+)$",
    )
    chain_input_source_step: TextList = ()
    chain_input_additional_prefix: str = ""


class ModelSteps(ConfigModel):
    """The steps of one model, in the order in which they read."""

    steps: tuple[StepConfig, ...] = Field(min_length=1, strict=False)


class PipelineConfig(ConfigModel):
    """One SageMaker pipeline.

    `maxSteps` raises the check on the number of steps; 50 is the service's documented default quota.
    """

    pipeline_name: str = Field(alias="pipelineName", pattern=r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,255}$")
    display_name: Text | None = Field(default=None, alias="displayName", max_length=256)
    description: Text | None = Field(default=None, max_length=3072)
    max_parallel_execution_steps: int | None = Field(
        default=None, alias="maxParallelExecutionSteps", ge=1
    )
    max_steps: int = Field(default=50, alias="maxSteps", ge=1)
    tags: Tags = ()
    models: dict[str, ModelSteps] = Field(min_length=1)
    dependencies: TextList = ()
