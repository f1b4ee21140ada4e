"""Steps that compare data, or a model's predictions, with a baseline, and calculate a new one.

It never reads either.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from smp.config.fields import Flag, Tags, Text, TextList, fault
from smp.config.step_base import StepBase
from smp.config.values import (
    HYPHENATED,
    InstanceCount,
    ProcessingEnvironment,
    ProcessingInstance,
    S3Uri,
    VolumeSize,
)
from smp.config.varying import VARIES, Varying

NINE_DAYS = 9 * 24 * 3600

Attribute = Annotated[Text, VARIES]

OF_MODELS = (
    "problem_type",
    "inference_attribute",
    "probability_attribute",
    "probability_threshold",
    "ground_truth_attribute",
)
"""Keys that only a check of a model's quality has."""
OF_THE_JOB = frozenset(
    {
        "analysis_type",
        "dataset_format",
        "dataset_source",
        "end_time",
        "output_path",
        "publish_cloudwatch_metrics",
        "record_preprocessor_script",
        "post_analytics_processor_script",
        "start_time",
        *OF_MODELS,
        "probability_threshold_attribute",
    }
)
"""Variables by which the check's image is told what to do."""


def _check_environment(env: dict[str, str]) -> dict[str, str]:
    taken = next((name for name in env if name in OF_THE_JOB), None)
    if taken is not None:
        raise fault(f"'{taken}' is a variable that the check sets itself", at=(taken,))
    return env


class QualityCheckStep(StepBase):
    """A step that checks data, or a model's predictions, against a baseline: SageMaker's own job does."""

    step_class: Literal["QualityCheck"]
    """What the step does."""
    check: Literal["data_quality", "model_quality"]
    """What is checked: each column of the data, or predictions against the truth."""
    baseline_dataset: S3Uri | None = None
    """The data to check; this or `chain_input_source_step`."""
    chain_input_source_step: Annotated[TextList, Field(max_length=1)] = ()
    """The step whose output is checked."""
    chain_output: Text | None = None
    """Which output of that step, where it has several."""
    dataset_format: Literal["csv", "csv_without_header", "json_lines", "json"] = "csv"
    """What the data's files are."""
    problem_type: (
        Literal["Regression", "BinaryClassification", "MulticlassClassification"] | None
    ) = None
    """For model_quality: what the model predicts."""
    inference_attribute: Attribute | None = None
    """For model_quality: the column, by name or index, or JSON path with the prediction."""
    probability_attribute: Attribute | None = None
    """For model_quality: the one with the probability."""
    probability_threshold: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    """For model_quality: from which probability on the prediction is positive."""
    ground_truth_attribute: Attribute | None = None
    """For model_quality: the one with the truth."""
    skip_check: Varying[Flag] = False
    """Whether only the new baseline is calculated and nothing is compared."""
    fail_on_violation: Varying[Flag] = True
    """Whether the step fails where the data violates the baseline."""
    register_new_baseline: Varying[Flag] = False
    """Whether the new baseline is what RegisterModel registers for later drift checks, in place of the
    one compared with."""
    model_package_group: Text | None = Field(default=None, pattern=HYPHENATED)
    """The group whose latest approved version brings the baseline; without it the model's own."""
    supplied_baseline_statistics: S3Uri | None = None
    """A statistics file that is compared with, in place of the approved version's."""
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
    env: Annotated[ProcessingEnvironment, AfterValidator(_check_environment)] = Field(default={})
    """Environment variables of the job."""
    tags: Tags = ()
    """Tags of the job, beside those of the pipeline."""
    local_stand_in: Text | None = None
    """A script below the model's `source_directory` that a local run takes in place of the image."""
    on_failure: TextList = ()
    """Steps that run when this one failed, and only then."""

    @model_validator(mode="after")
    def _check_dataset(self) -> QualityCheckStep:
        if (self.baseline_dataset is None) == (not self.chain_input_source_step):
            raise fault(
                "needs the data to check, from one place",
                "one of baseline_dataset and chain_input_source_step",
            )
        if self.chain_output is not None and not self.chain_input_source_step:
            raise fault("has no effect without chain_input_source_step", at=("chain_output",))
        return self

    @model_validator(mode="after")
    def _check_attributes(self) -> QualityCheckStep:
        written = next((key for key in OF_MODELS if getattr(self, key) is not None), None)
        if self.check == "data_quality" and written is not None:
            raise fault("is not for data_quality", "check: model_quality", at=(written,))
        if self.check == "data_quality":
            return self
        if self.problem_type is None or self.ground_truth_attribute is None:
            raise fault("needs problem_type and ground_truth_attribute", at=("check",))
        if self.inference_attribute is None and self.probability_attribute is None:
            raise fault("needs inference_attribute, probability_attribute, or both", at=("check",))
        return self
