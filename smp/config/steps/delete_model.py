"""The step of class `DeleteModel`: what an execution made to serve a model is deleted at its end."""

from __future__ import annotations

from typing import Literal

from smp.config.steps.base import StepBase
from smp.config.values.base import TextList


class DeleteModelStep(StepBase):
    """A step that deletes the SageMaker model of the CreateModel step before it."""

    step_class: Literal["DeleteModel"]
    """What the step does."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""
