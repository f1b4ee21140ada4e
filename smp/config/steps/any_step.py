"""A step of a pipeline, of any class. Each class has its checks in `smp.graph.step_classes`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from smp.config.steps.approved_model import ApprovedModelStep
from smp.config.steps.clarify_check import ClarifyCheckStep
from smp.config.steps.condition import ConditionStep, FailStep
from smp.config.steps.delete_model import DeleteModelStep
from smp.config.steps.emr_serverless import EMRServerlessStep
from smp.config.steps.for_each import ForEachStep
from smp.config.steps.function import CallbackStep, LambdaStep
from smp.config.steps.notebook_job import NotebookJobStep
from smp.config.steps.quality_check import QualityCheckStep
from smp.config.steps.section_step import StepConfig

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
    | DeleteModelStep
    | EMRServerlessStep
    | ForEachStep,
    Field(discriminator="step_class"),
]
