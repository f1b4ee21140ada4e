"""Steps that decide which way an execution continues, and that end it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from smp.config.steps.base import StepBase
from smp.config.values.base import Text, TextList
from smp.config.values.condition import check_condition
from smp.config.values.message import check_message
from smp.config.values.varying import EVALUATED


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
    """Why the execution failed; `${STEP.metrics.PATH}` or `${STEP.reports.NAME.PATH}` in it is that
    value of the report."""
