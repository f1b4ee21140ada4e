"""Steps that are described by a section of their model: jobs, models and registrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from smp.config.sections.retry import RetrySection
from smp.config.steps.base import CacheDuration, StepBase
from smp.config.values.base import Flag, Text, TextList
from smp.config.values.reports import ModelMetricsSection
from smp.definition.expressions import ParameterType

SectionClass = Literal[
    "Processing", "Training", "Tuning", "CreateModel", "Transform", "Metrics", "RegisterModel"
]


MODEL_ARTIFACTS = "ModelArtifacts"
RESULTS: Mapping[str, tuple[str, ...]] = {
    "Training": (MODEL_ARTIFACTS,),
    "Tuning": (MODEL_ARTIFACTS,),
    "CreateModel": ("ModelName",),
    "RegisterModel": ("ModelPackageArn",),
}
"""What `STEP.outputs.NAME` may name of steps of a class: what the service calls the result."""


class StepConfig(StepBase):
    """A step that uses a section of its model."""

    spellings: ClassVar[dict[str, str]] = {"chain_input_source_steps": "chain_input_source_step"}

    step_class: SectionClass
    """What the step does."""
    step_type: Text | None = None
    """The model's section that the step uses; each class has a default for it."""
    enable_cache: Flag = False
    """Whether SageMaker may reuse the result of an earlier, equal step."""
    cache_expire_after: CacheDuration = "10d"
    """How long a result may be reused."""
    chain_input_source_step: TextList = ()
    """Steps whose outputs are inputs of this one."""
    chain_input_additional_prefix: str = Field(default="", max_length=1024)
    """For Transform: the place inside the chained output that is sent to the model."""
    model_metrics: ModelMetricsSection = ModelMetricsSection()
    """For RegisterModel: reports of other steps that the version keeps."""
    retry: RetrySection | None = None
    """When the step runs again after a fault that is not the script's; the pipeline's rules without it."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""

    @property
    def typed_outputs(self) -> Mapping[str, ParameterType]:
        return dict.fromkeys(RESULTS.get(self.step_class, ()), "String")
