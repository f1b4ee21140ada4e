"""The steps of a pipeline: one model for each group of step classes."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from smp.config.sections.retry import RetrySection
from smp.config.steps.approved_model import ApprovedModelStep
from smp.config.steps.base import CacheDuration, StepBase
from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.config.steps.emr_serverless import EMRServerlessStep
from smp.config.steps.for_each import ForEachStep
from smp.config.steps.function import CallbackStep, LambdaStep
from smp.config.steps.notebook_job import NotebookJobStep
from smp.config.steps.quality_check import QualityCheckStep
from smp.config.values.base import Flag, Text, TextList
from smp.config.values.condition import check_condition
from smp.config.values.message import check_message
from smp.config.values.varying import EVALUATED

JobClass = Literal[
    "Processing", "Training", "Tuning", "CreateModel", "Transform", "Metrics", "RegisterModel"
]


class StepConfig(StepBase):
    """A step that uses a section of its model."""

    spellings: ClassVar[dict[str, str]] = {"chain_input_source_steps": "chain_input_source_step"}

    step_class: JobClass
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
    retry: RetrySection | None = None
    """When the step runs again after a fault that is not the script's; the pipeline's rules without it."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""


class ConditionStep(StepBase):
    """A step that decides which of two branches runs."""

    step_class: Literal["Condition"]
    """What the step does."""
    condition: Annotated[str, AfterValidator(check_condition)]
    """What is asked, such as `evaluate.metrics.auc >= 0.85`."""
    if_steps: TextList = ()
    """Steps that run where the condition holds, with all that depends on them."""
    else_steps: TextList = ()
    """Steps that run where it does not hold, with all that depends on them."""


class FailStep(StepBase):
    """A step that ends the execution as failed."""

    step_class: Literal["Fail"]
    """What the step does."""
    message: Annotated[Text, AfterValidator(check_message), EVALUATED]
    """Why the execution failed; `${STEP.metrics.PATH}` in it is the value of that metric."""


AnyStep = Annotated[
    StepConfig
    | ConditionStep
    | FailStep
    | ApprovedModelStep
    | LambdaStep
    | CallbackStep
    | QualityCheckStep
    | ClarifyCheckStep
    | NotebookJobStep
    | EMRServerlessStep
    | ForEachStep,
    Field(discriminator="step_class"),
]
