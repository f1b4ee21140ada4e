"""The `sagemakerPipeline` section: which steps run, for which models, in which order."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smp.config.sections.parameters import Parameters
from smp.config.sections.retry import RetrySection
from smp.config.sections.targets import Target, Targets, target_name
from smp.config.sections.triggers import Triggers
from smp.config.steps.any_step import AnyStep
from smp.config.values.aws import ModelName
from smp.config.values.base import LINE, ConfigModel, Tags, Text, TextList, pattern

PIPELINE_NAME = pattern(
    r"^[A-Za-z0-9](-*[A-Za-z0-9]){0,255}$",
    "1 to 256 letters, digits and hyphens, no hyphen first or last",
)


class ModelSteps(ConfigModel):
    """The steps of one model."""

    steps: tuple[AnyStep, ...] = Field(min_length=1, strict=False)
    """The steps, in the order in which they read."""


class PipelineConfig(ConfigModel):
    """One SageMaker pipeline."""

    pipeline_name: str = Field(
        alias="pipelineName",
        pattern=PIPELINE_NAME,
    )
    """The pipeline's name, the only one of that name in the workspace."""
    display_name: str | None = Field(default=None, alias="displayName", pattern=PIPELINE_NAME)
    """The name that SageMaker shows."""
    description: Annotated[Text, LINE] | None = Field(default=None, max_length=3072)
    """What the pipeline is for."""
    max_parallel_execution_steps: int | None = Field(
        default=None, alias="maxParallelExecutionSteps", ge=1
    )
    """How many steps of one execution run at once."""
    max_steps: int = Field(default=50, alias="maxSteps", ge=1)
    """The number of steps above which the pipeline is refused: the account's quota."""
    tags: Tags = ()
    """Tags of the pipeline."""
    retry: RetrySection = RetrySection()
    """When a step without rules of its own runs again after a fault that is not the script's."""
    targets: Targets = ("sagemaker",)
    """The engines that it is deployed to; one or several. With `{target: airflow, mode: start}` the DAG
    starts the SageMaker pipeline."""
    parameters: Parameters = ()
    """What anyone who starts an execution may set."""
    triggers: Triggers = ()
    """What starts the pipeline by itself: times, data that arrives, models that were approved."""
    models: dict[ModelName, ModelSteps] = Field(min_length=1)
    """The models whose steps the pipeline runs."""
    dependencies: TextList = ()
    """What waits for what: `a >> b >> c`."""

    @property
    def engines(self) -> tuple[Target, ...]:
        """The names of the targets."""
        return tuple(target_name(target) for target in self.targets)
