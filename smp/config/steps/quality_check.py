"""Steps that compare data, or a model's predictions, with a baseline, and calculate a new one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from smp.config.steps.baseline_check import CheckStep
from smp.config.values.aws import ProcessingEnvironment, S3Uri
from smp.config.values.base import Text, fault
from smp.config.values.varying import VARIES, Varying

Attribute = Annotated[Text, VARIES]

OF_MODELS = (
    "problem_type",
    "inference_attribute",
    "probability_attribute",
    "probability_threshold",
    "ground_truth_attribute",
)
"""Keys that only a check of a model's quality has."""
RESERVED_ENV_VARS = frozenset(
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
"""Variables by which the check's image is reported what to do."""


def _check_environment(env: dict[str, str]) -> dict[str, str]:
    taken = next((name for name in env if name in RESERVED_ENV_VARS), None)
    if taken is not None:
        raise fault(f"'{taken}' is a variable that the check sets itself", at=(taken,))
    return env


class QualityCheckStep(CheckStep):
    """A step that checks data, or a model's predictions, against a baseline."""

    step_class: Literal["QualityCheck"]
    """What the step does."""
    check: Literal["data_quality", "model_quality"]
    """What is checked: each column of the data, or predictions against the truth."""
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
    probability_threshold: Varying[Annotated[float, Field(ge=0, le=1, strict=False)]] | None = None
    """For model_quality: from which probability on the prediction is positive."""
    ground_truth_attribute: Attribute | None = None
    """For model_quality: the one with the truth."""
    supplied_baseline_statistics: S3Uri | None = None
    """A statistics file that is compared with, in place of the approved version's."""
    env: Annotated[ProcessingEnvironment, AfterValidator(_check_environment)] = Field(default={})
    """Environment variables of the job."""

    @property
    def supplies_baseline(self) -> bool:
        """Whether all that is compared with is given by address."""
        return bool(self.supplied_baseline_statistics and self.supplied_baseline_constraints)

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
