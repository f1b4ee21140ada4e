"""What steps have in common that compare data, or what a model does with them, with a baseline."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from smp.config.steps.base import CacheDuration, StepBase
from smp.config.values.aws import (
    HYPHENATED,
    InstanceCount,
    ProcessingEnvironment,
    ProcessingInstance,
    S3Uri,
    VolumeSize,
)
from smp.config.values.base import Flag, Tags, Text, TextList, fault
from smp.config.values.varying import VARIES, Varying

NINE_DAYS = 9 * 24 * 3600


class CheckStep(StepBase):
    """A step that checks something against a baseline: SageMaker's own job does."""

    check: str
    """What is checked."""
    baseline_dataset: S3Uri | None = None
    """The data to check; this or `chain_input_source_step`."""
    chain_input_source_step: Annotated[TextList, Field(max_length=1)] = ()
    """The step whose output is checked."""
    chain_output: Text | None = None
    """Which output of that step, where it has several."""
    skip_check: Varying[Flag] = False
    """Whether only the new baseline is calculated and nothing is compared."""
    fail_on_violation: Varying[Flag] = True
    """Whether the step fails where the baseline is violated."""
    register_new_baseline: Varying[Flag] = False
    """Whether the new baseline is what RegisterModel registers for later drift checks, in place of the
    one compared with."""
    model_package_group: Text | None = Field(default=None, pattern=HYPHENATED)
    """The group whose latest approved version brings the baseline; without it the model's own."""
    supplied_baseline_constraints: S3Uri | None = None
    """A constraints file that is compared with, in place of the approved version's."""
    instance_type: Annotated[ProcessingInstance, VARIES] = "ml.m5.xlarge"
    """The instance type of the job."""
    instance_count: InstanceCount = 1
    """The number of instances of the job."""
    volume_size_in_gb: VolumeSize = 32
    """The size of each instance's volume, in GB."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=1, le=NINE_DAYS)]] = 3600
    """The time after which the job is stopped, in seconds."""
    env: ProcessingEnvironment = Field(default={})
    """Environment variables of the job."""
    tags: Tags = ()
    """Tags of the job, beside those of the pipeline."""
    local_stand_in: Text | None = None
    """A script below the model's `source_directory` that a local run takes in place of the image."""
    enable_cache: Flag = False
    """Whether SageMaker may reuse the result of an earlier, equal step. A local run does not: what counts
    as equal is not documented for this class."""
    cache_expire_after: CacheDuration = "10d"
    """How long a result may be reused."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""

    @property
    def supplies_baseline(self) -> bool:
        """Whether all that is compared with is given by address."""
        return self.supplied_baseline_constraints is not None

    @model_validator(mode="after")
    def _check_dataset(self) -> CheckStep:
        if (self.baseline_dataset is None) == (not self.chain_input_source_step):
            raise fault(
                "needs the data to check, from one place",
                "one of baseline_dataset and chain_input_source_step",
            )
        if self.chain_output is not None and not self.chain_input_source_step:
            raise fault("has no effect without chain_input_source_step", at=("chain_output",))
        return self
