"""The parts of SageMaker Clarify's analysis configuration, under the names that its file has for them.

Source: "Analysis configuration files" in the SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, model_validator
from pydantic_core import PydanticKnownError

from smp.config.values.aws import HostingInstance
from smp.config.values.base import ConfigModel, EnvironmentText, Flag, Text, fault
from smp.definition.expressions import Written

MAX_INSTANCES = 100

Bare = str | int | float


def _bare(reason: str, allowed: str, fits: Callable[[Any], bool]) -> PlainValidator:
    """Return what reads a text or number, as one where it is an environment variable's digits."""

    def read(value: Any) -> Any:
        if isinstance(value, Written):
            raise PydanticKnownError("string_type")
        if isinstance(value, EnvironmentText):
            return int(value) if value.isdecimal() else str(value)
        if isinstance(value, bool) or not fits(value):
            raise fault(reason, allowed)
        return value

    return PlainValidator(read, json_schema_input_type=str | int | float)


Column = Annotated[
    str | int,
    _bare(
        "is not a column",
        "its name, its index from 0 on, or a JMESPath expression where the data are JSON",
        lambda value: (
            bool(value) if isinstance(value, str) else isinstance(value, int) and value >= 0
        ),
    ),
]
Value = Annotated[
    Bare, _bare("is not a value", "a text or a number", lambda value: isinstance(value, Bare))
]


class Facet(ConfigModel):
    """A column whose groups are compared."""

    name_or_index: Column
    """The column, by name or by index."""
    value_or_threshold: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    """The values of the group in question, or one threshold above which a number belongs to it; without
    them each value of the column is compared with the rest."""


class Predictor(ConfigModel):
    """How the model is asked: the endpoint that the job makes for it, and what goes in and comes out."""

    instance_type: HostingInstance = "ml.m5.large"
    """The instance type of the endpoint."""
    initial_instance_count: int = Field(default=1, ge=1, le=MAX_INSTANCES)
    """The number of instances of the endpoint."""
    content_type: (
        Literal[
            "text/csv",
            "application/jsonlines",
            "application/json",
            "image/jpeg",
            "image/png",
            "application/x-npy",
        ]
        | None
    ) = None
    """What the model is sent; the data's own type without it."""
    accept_type: Literal["text/csv", "application/jsonlines", "application/json"] | None = None
    """What the model answers; what it is sent without it."""
    content_template: Text | None = None
    """The text that is sent: `$features` in it, or `$record` or `$records` for application/json."""
    record_template: Text | None = None
    """For application/json: one record of it, with `$features` or `$features_kvp`."""
    custom_attributes: Text | None = Field(default=None, max_length=1024)
    """What each request carries as custom attributes."""
    label: Column | None = None
    """Where the answer has the predicted label: an index, or a JMESPath expression."""
    probability: Column | None = None
    """Where the answer has the probabilities."""
    label_headers: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    """The labels that the probabilities of an answer are of."""

    @model_validator(mode="after")
    def _check_templates(self) -> Predictor:
        lines, json = "application/jsonlines", "application/json"
        if self.content_type == lines and "$features" not in (self.content_template or ""):
            raise fault(f"needs '$features' for {lines}", at=("content_template",))
        if self.content_type == json and "$record" not in (self.content_template or ""):
            raise fault(f"needs '$record' or '$records' for {json}", at=("content_template",))
        if self.content_type == json and self.record_template is None:
            raise fault(f"is needed for {json}", "$features_kvp, for one", at=("record_template",))
        return self


def _check_baseline(value: Any) -> Any:
    if isinstance(value, Written):
        raise PydanticKnownError("string_type")
    if isinstance(value, str) and not value.startswith("s3://"):
        raise fault("is not an S3 URI", BASELINE)
    if not isinstance(value, (str, list, tuple)):
        raise fault("is not a baseline", BASELINE)
    return value if isinstance(value, str) else _rows(value)


def _rows(rows: list[Any] | tuple[Any, ...]) -> tuple[tuple[Bare, ...], ...]:
    if not rows:
        raise fault("has no rows", BASELINE)
    for index, row in enumerate(rows):
        items = row if isinstance(row, (list, tuple)) else []
        if not items or not all(isinstance(item, Bare) for item in items):
            raise fault("is not a row of texts and numbers", BASELINE, at=(index,))
        if len(items) != len(rows[0]):
            reason = f"has {len(items)} values, and the first row {len(rows[0])}"
            raise fault(reason, "rows of one length", at=(index,))
    return tuple(tuple(row) for row in rows)


BASELINE = "s3://BUCKET/KEY of a file, or a list of rows of the features' values"
Baseline = Annotated[
    str | tuple[tuple[Bare, ...], ...],
    BeforeValidator(_check_baseline, json_schema_input_type=str | list[list[str | int | float]]),
]


class Shap(ConfigModel):
    """How SHAP attributes predictions to features."""

    baseline: Baseline | None = None
    """Rows that stand for the absence of features, here or in S3; calculated by clustering without it."""
    num_clusters: int | None = Field(default=None, ge=1)
    """How many rows the calculated baseline has."""
    num_samples: int | None = Field(default=None, ge=1)
    """How many rows are made up for each explanation; a number by the count of features without it."""
    agg_method: Literal["mean_abs", "median", "mean_sq"] = "mean_abs"
    """How the attributions of all rows become one for each feature."""
    use_logit: Flag = False
    """Whether probabilities are explained as log-odds."""
    save_local_shap_values: Flag = True
    """Whether the attributions of each row are kept, too."""
    seed: int | None = None
    """The seed, for the same attributions each time."""
    features_to_explain: Annotated[tuple[Column, ...], Field(strict=False)] = ()
    """The features that are explained; all without it."""

    @model_validator(mode="after")
    def _check_one_baseline(self) -> Shap:
        if self.baseline is not None and self.num_clusters is not None:
            raise fault("has no effect together with a baseline", at=("num_clusters",))
        return self
