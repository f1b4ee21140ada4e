"""Reports: JSON files of a processing job that conditions, messages and registrations read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from smp.config.values.base import ConfigModel, Text, fault, pattern

EVALUATION_REPORT = "EvaluationReport"
"""The property file of every Metrics step, which `STEP.metrics.PATH` reads."""

_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]*"


def _check_name(name: str) -> str:
    if name == EVALUATION_REPORT:
        reason = f"'{name}' is the report that every Metrics step has"
        raise fault(reason, "another name", "conditions read it as STEP.metrics.PATH")
    return name


ReportName = Annotated[
    str,
    Field(
        pattern=pattern(
            r"^[A-Za-z][A-Za-z0-9_-]{0,63}$",
            "1 to 64 letters, digits, '_' and '-', first a letter",
        )
    ),
    AfterValidator(_check_name),
]
ReportPath = Annotated[
    Text,
    Field(
        max_length=512,
        pattern=pattern(
            rf"^{_PART}(/{_PART})*$",
            "a relative path of letters, digits, '.', '_' and '-', such as quality/report.json",
        ),
    ),
]
Reports = Annotated[dict[ReportName, ReportPath], Field(max_length=20)]

_REFERENCE = r"^[A-Za-z0-9](-*[A-Za-z0-9])*\.reports\.[A-Za-z][A-Za-z0-9_-]*$"
ReportReference = Annotated[
    Text, Field(pattern=pattern(_REFERENCE, "STEP.reports.NAME, a report of a step"))
]


class ModelMetricsSection(ConfigModel):
    """The reports that a registered version keeps, in place of those that it has by itself."""

    model_statistics: ReportReference | None = None
    """The quality of the model, in place of the report of the last Metrics step."""
    model_constraints: ReportReference | None = None
    """The constraints of the model's quality."""
    model_data_statistics: ReportReference | None = None
    """The statistics of the data."""
    model_data_constraints: ReportReference | None = None
    """The constraints of the data."""
    bias: ReportReference | None = None
    """The bias of the model."""
    bias_pre_training: ReportReference | None = None
    """The bias of the data before training."""
    bias_post_training: ReportReference | None = None
    """The bias of the model after training."""
    explainability: ReportReference | None = None
    """What explains the model's predictions."""

    @property
    def written(self) -> dict[str, tuple[str, str]]:
        """Return each kind that is named, with the step and the name of its report."""
        return {
            kind: report_of(text)
            for kind in type(self).model_fields
            if (text := getattr(self, kind)) is not None
        }


def report_of(reference: str) -> tuple[str, str]:
    """Return the step and the report that a reference names."""
    step, _, name = reference.partition(".reports.")
    return step, name


def channel_of(path: str) -> str:
    """Return the channel of a processing job that a report is in: the first directory of its path."""
    return path.partition("/")[0]
