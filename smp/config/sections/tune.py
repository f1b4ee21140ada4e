"""The `tune` section: a search for the hyperparameters with which training does best."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from smp.config.values.aws import HyphenatedName
from smp.config.values.base import (
    LINE,
    ConfigModel,
    Flag,
    Number,
    ScalarText,
    Tags,
    Text,
    fault,
)
from smp.config.values.hyperparameters import Choice, HyperparameterName, Hyperparameters
from smp.config.values.varying import VARIES, Varying
from smp.definition.expressions import Reference

Scaling = Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"]

MAX_RANGES = 30
"""CreateHyperParameterTuningJob (botocore 1.44.5), as all limits here."""


class IntegerRange(ConfigModel):
    """A hyperparameter that takes any whole number between two."""

    type: Literal["integer"]
    """What kind of range it is."""
    min: Varying[int]
    """The least value."""
    max: Varying[int]
    """The greatest value."""
    scaling: Annotated[Scaling, VARIES] = "Auto"
    """How the search spreads its trials over the range."""

    @model_validator(mode="after")
    def _check_bounds(self) -> IntegerRange:
        _check_numbers(self)
        if self.scaling == "ReverseLogarithmic":
            raise _not_reversed()
        return self


class ContinuousRange(ConfigModel):
    """A hyperparameter that takes any number between two."""

    type: Literal["continuous"]
    """What kind of range it is."""
    min: Varying[Number]
    """The least value."""
    max: Varying[Number]
    """The greatest value."""
    scaling: Annotated[Scaling, VARIES] = "Auto"
    """How the search spreads its trials over the range."""

    @model_validator(mode="after")
    def _check_bounds(self) -> ContinuousRange:
        _check_numbers(self)
        least = None if isinstance(self.min, Reference) else self.min
        most = None if isinstance(self.max, Reference) else self.max
        outside = (least is not None and least < 0) or (most is not None and most >= 1)
        if self.scaling == "ReverseLogarithmic" and outside:
            raise _not_reversed()
        return self


def _check_numbers(one: IntegerRange | ContinuousRange) -> None:
    """Raise where a range is empty, or has no logarithm; a parameter is checked where it is known."""
    if isinstance(one.min, Reference):
        return
    if not isinstance(one.max, Reference) and one.min >= one.max:
        raise fault("is empty", f"more than {one.min}", at=("max",))
    if one.scaling == "Logarithmic" and one.min <= 0:
        raise fault("has no logarithm", "a number above 0", at=("min",))


def _not_reversed() -> ValueError:
    allowed = "type: continuous, from 0 to below 1"
    return fault("is not possible for this range", allowed, at=("scaling",))


class CategoryRange(ConfigModel):
    """A hyperparameter that takes one of several values."""

    type: Literal["categorical"]
    """What kind of range it is."""
    values: tuple[Choice, ...] = Field(min_length=1, max_length=30, strict=False)
    """The values."""


Range = Annotated[IntegerRange | ContinuousRange | CategoryRange, Field(discriminator="type")]


class Objective(ConfigModel):
    """What the search makes as large, or as small, as it can."""

    metric: Annotated[Text, LINE] = Field(max_length=255)
    """A metric of `train.metric_definitions`, or one that a built-in algorithm reports."""
    type: Literal["Maximize", "Minimize"] = "Maximize"
    """Which way is better."""
    target: Number | None = None
    """The value of the metric that is good enough: the search ends when a job reaches it."""


class HyperbandSection(ConfigModel):
    """How many epochs, or other units that the metric is logged by, strategy Hyperband gives a job."""

    min_resource: Annotated[int, Field(ge=1)] | None = None
    """What each job gets at least before it may be ended."""
    max_resource: Annotated[int, Field(ge=1)] | None = None
    """What the best jobs get at most."""

    @model_validator(mode="after")
    def _check_order(self) -> HyperbandSection:
        least, most = self.min_resource, self.max_resource
        if least is not None and most is not None and least >= most:
            raise fault("is not more than min_resource", f"more than {least}", at=("max_resource",))
        return self


class WarmStart(ConfigModel):
    """Earlier tuning jobs whose results the search begins with."""

    type: Literal["IdenticalDataAndAlgorithm", "TransferLearning"]
    """Whether nothing but ranges and limits has changed since."""
    parents: tuple[HyphenatedName, ...] = Field(min_length=1, max_length=5, strict=False)
    """Names of the tuning jobs."""


class TuneSection(ConfigModel):
    """A tuning job: many training jobs, as `train` describes them, with hyperparameters that it chooses."""

    spellings: ClassVar[dict[str, str]] = {
        "total_jobs": "max_jobs",
        "parallel_jobs": "max_parallel_jobs",
        "early_stopping_type": "early_stopping",
        "random_seed": "seed",
    }

    base_job_name: Annotated[HyphenatedName, Field(max_length=18)] | None = None
    """The beginning of the job's name; with what the service appends it has 32 characters."""
    strategy: Literal["Bayesian", "Random", "Hyperband", "Grid"] = "Bayesian"
    """How the next hyperparameters are chosen."""
    objective: Objective
    """What the search is for."""
    ranges: dict[HyperparameterName, Range] = Field(default={}, max_length=MAX_RANGES)
    """The hyperparameters that are searched; needed without `auto_parameters`."""
    autotune: Flag = False
    """Whether SageMaker chooses ranges, strategy and further settings that are not given."""
    auto_parameters: dict[HyperparameterName, Annotated[ScalarText, Field(max_length=256)]] = Field(
        default={}, max_length=100
    )
    """With `autotune`: hyperparameters whose ranges SageMaker chooses, each with a value as a hint."""
    hyperband: HyperbandSection | None = None
    """With strategy Hyperband: how much each job gets."""
    max_jobs_without_improvement: Annotated[int, Field(ge=3)] | None = None
    """After how many jobs that are no better than the best the search ends."""
    stop_on_convergence: Flag = False
    """Whether the search ends when SageMaker expects no better job."""
    static_hyperparameters: Hyperparameters = Field(default={})
    """Hyperparameters that stay as they are, over those of `train.hyperparameters`."""
    max_jobs: Varying[Annotated[int, Field(ge=1, le=750)]] | None = None
    """The number of training jobs; 10 without it, and every combination for strategy Grid."""
    max_parallel_jobs: Varying[Annotated[int, Field(ge=1, le=100)]] = 1
    """How many of them run at once."""
    max_runtime_seconds: Varying[Annotated[int, Field(ge=120, le=15_768_000)]] | None = None
    """The time after which no further training job begins, in seconds."""
    early_stopping: Annotated[Literal["Off", "Auto"], VARIES] = "Off"
    """Whether jobs that do badly are ended early."""
    seed: Annotated[int, Field(ge=0)] | None = None
    """Makes the search choose the same again."""
    warm_start: WarmStart | None = None
    """Earlier jobs to begin with."""
    tags: Tags = ()
    """Tags of the tuning job and its training jobs, beside those of the pipeline."""

    @model_validator(mode="after")
    def _check_ranges(self) -> TuneSection:
        if not self.ranges and not self.auto_parameters:
            raise fault("searches no hyperparameter", "ranges, or autotune with auto_parameters")
        if self.auto_parameters and not self.autotune:
            reason = "has no effect without 'autotune'"
            raise fault(reason, "autotune: true", at=("auto_parameters",))
        for name in self.auto_parameters:
            if name in self.ranges or name in self.static_hyperparameters:
                reason = "has a range, or a value, already"
                raise fault(reason, "one of the two", at=("auto_parameters", name))
        if self.hyperband is not None and self.strategy != "Hyperband":
            raise fault("is for strategy Hyperband", "strategy: Hyperband", at=("hyperband",))
        return self

    @model_validator(mode="after")
    def _check_strategy(self) -> TuneSection:
        if self.strategy == "Grid":
            self._check_grid()
        if self.strategy == "Hyperband" and self.early_stopping == "Auto":
            reason = "is not for strategy Hyperband, which ends jobs early itself"
            raise fault(reason, "early_stopping: Off", at=("early_stopping",))
        for name in self.static_hyperparameters:
            if name in self.ranges:
                reason = "is in 'ranges' too"
                raise fault(reason, "one of the two", at=("static_hyperparameters", name))
        return self

    def _check_grid(self) -> None:
        for name, one in self.ranges.items():
            if not isinstance(one, CategoryRange):
                reason = "is not a categorical range, and strategy Grid takes no other"
                raise fault(reason, "type: categorical", at=("ranges", name))
        if self.max_jobs is not None:
            reason = "is not for strategy Grid, which tries every combination"
            raise fault(reason, "no max_jobs", at=("max_jobs",))
