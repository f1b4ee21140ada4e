"""Steps that measure bias of data or of a model, or explain a model, and compare it with a baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from smp.config.steps.baseline_check import CheckStep
from smp.config.steps.clarify_analysis import Column, Facet, Predictor, Shap, Value
from smp.config.values.base import Text, fault
from smp.errors import near_names

PRE_TRAINING = ("CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL")
POST_TRAINING = ("DPPL", "DI", "DCA", "DCR", "RD", "DAR", "DRR", "AD", "CDDPL", "TE", "FT")
METRICS = {"data_bias": PRE_TRAINING, "model_bias": POST_TRAINING}
"""The metrics of each check of bias, as the service's documentation abbreviates them."""
BY_GROUP = ("CDDL", "CDDPL")
"""The metrics that compare within the groups of a further column."""

OF_BIAS = ("label_values_or_threshold", "facet", "group_variable", "methods")
OF_A_MODEL = ("predictor", "probability_threshold")
OF_EXPLAINING = ("shap",)
NOT_FOR = {
    "data_bias": (*OF_A_MODEL, *OF_EXPLAINING),
    "model_bias": OF_EXPLAINING,
    "model_explainability": OF_BIAS,
}
"""The keys that mean nothing to each check."""
NEEDED_FOR_BIAS = ("label", "label_values_or_threshold", "facet")
TABLES = ("csv", "parquet")


class ClarifyCheckStep(CheckStep):
    """A step that checks bias or feature attributions against a baseline, with SageMaker Clarify."""

    step_class: Literal["ClarifyCheck"]
    """What the step does."""
    check: Literal["data_bias", "model_bias", "model_explainability"]
    """What is checked: groups in the data, groups in what the model predicts of them, or how much each
    feature adds to its predictions."""
    dataset_format: Literal["csv", "json_lines", "json", "parquet"] = "csv"
    """What the data's files are."""
    headers: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """The names of all columns, in order; those that the data bring without it."""
    label: Column | None = None
    """The column with the truth; the model is not sent it."""
    features: Text | None = None
    """Where JSON has the features: a JMESPath expression."""
    excluded_columns: Annotated[tuple[Column, ...], Field(strict=False)] = ()
    """Columns that the model is not sent."""
    joinsource_name_or_index: Column | None = None
    """A column that identifies rows, where the data are several files."""
    label_values_or_threshold: Annotated[tuple[Value, ...], Field(strict=False)] = ()
    """For bias: the labels that are the good outcome, or one threshold above which a number is."""
    facet: Annotated[tuple[Facet, ...], Field(strict=False)] = ()
    """For bias: the columns whose groups are compared."""
    group_variable: Column | None = None
    """For bias: the column within whose groups CDDL and CDDPL compare."""
    methods: Annotated[tuple[Text, ...], Field(strict=False)] = ()
    """For bias: the metrics, such as DPL or DPPL; all that the check knows without it."""
    probability_threshold: Annotated[float, Field(ge=0, le=1, strict=False)] | None = None
    """For a model: from which probability on the prediction is positive."""
    predictor: Predictor = Predictor()
    """For a model: how it is asked. The model is that of the CreateModel step before."""
    shap: Shap = Shap()
    """For model_explainability: how predictions are attributed."""

    @property
    def asks_model(self) -> bool:
        """Whether the job makes an endpoint of the model and asks it."""
        return self.check != "data_bias"

    @model_validator(mode="after")
    def _check_keys(self) -> ClarifyCheckStep:
        written = next((key for key in NOT_FOR[self.check] if key in self.model_fields_set), None)
        if written is not None:
            others = [check for check, keys in NOT_FOR.items() if written not in keys]
            raise fault(f"is not for {self.check}", f"check: {' or '.join(others)}", at=(written,))
        if self.check in METRICS:
            missing = [key for key in NEEDED_FOR_BIAS if getattr(self, key) in (None, ())]
            if missing:
                raise fault(f"needs {', '.join(missing)}", at=("check",))
        return self

    @model_validator(mode="after")
    def _check_methods(self) -> ClarifyCheckStep:
        known = METRICS.get(self.check, ())
        for index, method in enumerate(self.methods):
            if method not in known:
                reason = f"'{method}' is not a metric of {self.check}"
                raise fault(reason, ", ".join(known), near_names(method, known), ("methods", index))
            if method in BY_GROUP and self.group_variable is None:
                raise fault(f"{method} needs group_variable", at=("methods", index))
        return self

    @model_validator(mode="after")
    def _check_features(self) -> ClarifyCheckStep:
        if self.dataset_format in TABLES and self.features is not None:
            reason = f"has no effect on {self.dataset_format}, whose columns are the features"
            raise fault(reason, "dataset_format: json or json_lines", at=("features",))
        if self.dataset_format == "json" and self.features is None:
            raise fault("needs features, a JMESPath expression", at=("dataset_format",))
        return self

    @model_validator(mode="after")
    def _check_columns(self) -> ClarifyCheckStep:
        for index, name in enumerate(self.headers):
            if name in self.headers[:index]:
                raise fault("a column of this name is already defined above", at=("headers", index))
        for path, column in self._columns() if self.headers else ():
            if isinstance(column, int) and column >= len(self.headers):
                reason = f"there are {len(self.headers)} columns in headers"
                raise fault(reason, f"0 to {len(self.headers) - 1}", at=path)
            if isinstance(column, str) and column not in self.headers:
                hint = near_names(column, self.headers)
                raise fault("is not a column of headers", ", ".join(self.headers), hint, path)
        return self

    def _columns(self) -> Iterator[tuple[tuple[str | int, ...], str | int]]:
        """Yield each column that is named, with where; what is a JMESPath expression is none."""
        for index, facet in enumerate(self.facet):
            yield ("facet", index, "name_or_index"), facet.name_or_index
        single = ["group_variable", "joinsource_name_or_index"]
        single += ["label"] if self.dataset_format in TABLES else []
        for key in single:
            if getattr(self, key) is not None:
                yield (key,), getattr(self, key)
        for index, column in enumerate(self.excluded_columns):
            yield ("excluded_columns", index), column
        for index, column in enumerate(self.shap.features_to_explain):
            yield ("shap", "features_to_explain", index), column
