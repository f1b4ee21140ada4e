"""The triggers of a pipeline, as values: deployment, review and export read the same ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from smp.definition.deploy_values import BUCKET
from smp.definition.expressions import EVENT

SAGEMAKER = "sagemaker"
"""The target that a pipeline has where its configuration names none."""

AIRFLOW = "airflow"
AirflowMode = Literal["steps", "start"]
STEP_FUNCTIONS = "stepfunctions"

EVENT_PATHS: Mapping[str, str] = {
    "bucket": "$.detail.bucket.name",
    "key": "$.detail.object.key",
    "model_package_arn": "$.detail.ModelPackageArn",
    "time": "$.time",
    "version_id": "$.detail.object.version-id",
}
"""The path of each `${event.NAME}` in an event (S3 and SageMaker, events of EventBridge)."""


@dataclass(frozen=True)
class Trigger:
    """What all triggers have. `parameters` are texts, as a start takes them, or `${event.NAME}`."""

    type: ClassVar[str]

    name: str
    enabled: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict)
    target: str = SAGEMAKER
    """The one of the pipeline's targets that it starts."""

    def described(self) -> str:
        """Return when it starts the pipeline, in words."""
        raise NotImplementedError


@dataclass(frozen=True)
class Schedule(Trigger):
    """Starts the pipeline at times. `expression` is `cron(…)` or `rate(…)`; start and end are in UTC."""

    type = "schedule"

    expression: str = ""
    timezone: str | None = None
    start: str | None = None
    end: str | None = None

    def described(self) -> str:
        zone = f" in {self.timezone}" if self.timezone else ""
        start = f" from {self.start}" if self.start else ""
        return f"{self.expression}{zone}{start}" + (f" to {self.end}" if self.end else "")


@dataclass(frozen=True)
class DataArrival(Trigger):
    """Starts the pipeline for each new object. `bucket` may be a deploy-time name."""

    type = "data"

    bucket: str = BUCKET
    prefix: str = ""
    suffix: str | None = None

    def described(self) -> str:
        bucket = "the project's bucket" if self.bucket == BUCKET else self.bucket
        end = f" and ending in {self.suffix}" if self.suffix else ""
        return f"data in {bucket} below {self.prefix}{end}"


@dataclass(frozen=True)
class ApprovedModel(Trigger):
    """Starts the pipeline when a version in the group was approved."""

    type = "approved_model"

    model_package_group: str = ""

    def described(self) -> str:
        return f"a version approved in {self.model_package_group}"


KINDS: Mapping[str, type[Trigger]] = {
    kind.type: kind for kind in (Schedule, DataArrival, ApprovedModel)
}


def write_triggers(triggers: Iterable[Trigger]) -> list[dict[str, Any]]:
    """Return triggers as JSON values, without what does not apply and without the usual target."""
    return [
        {
            "type": trigger.type,
            **{
                key: value
                for key, value in vars(trigger).items()
                if value not in (None, {}) and (key, value) != ("target", SAGEMAKER)
            },
        }
        for trigger in triggers
    ]


def read_triggers(values: Iterable[Mapping[str, Any]]) -> tuple[Trigger, ...]:
    """Return what `write_triggers` wrote."""
    return tuple(
        KINDS[value["type"]](**{key: item for key, item in value.items() if key != "type"})
        for value in values
    )


def event_path(value: str) -> str | None:
    """Return the path into the event that a parameter's value names; None for a plain value."""
    match = EVENT.fullmatch(value)
    return EVENT_PATHS[match[1]] if match else None


MAX_NAME = 64
"""Of a rule, and of a schedule group (botocore 1.44.5)."""


MAX_STATE_MACHINE_NAME = 80
"""botocore 1.44.5."""


def state_machine_name(pipeline_name: str) -> str:
    """Return the name of the state machine of a pipeline."""
    return fitting(pipeline_name, MAX_STATE_MACHINE_NAME)


def schedule_group_name(pipeline_name: str, target: str = SAGEMAKER) -> str:
    """Return the name of the group that a pipeline's schedules for a target are in."""
    return fitting(f"{pipeline_name}{_ending(target)}", MAX_NAME)


def rule_name(pipeline_name: str, trigger_name: str, target: str = SAGEMAKER) -> str:
    """Return the name of the rule of a trigger."""
    return fitting(f"{pipeline_name}-{trigger_name}{_ending(target)}", MAX_NAME)


def _ending(target: str) -> str:
    """Return a suffix for the target: a trigger with a new target is created before the old is deleted."""
    return "" if target == SAGEMAKER else f"-{target}"


def fitting(name: str, longest: int) -> str:
    """Return a name that is not too long; one that is is cut and ends in its hash."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: longest - 13].rstrip('-')}-{digest}"


MODEL_PACKAGE_CHANGE = "SageMaker Model Package State Change"
"""The type of the events about versions of models: that one was registered or approved."""


def event_pattern(trigger: DataArrival | ApprovedModel) -> dict[str, Any]:
    """Return the pattern of the events that a trigger waits for."""
    if isinstance(trigger, DataArrival):
        return {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {
                "bucket": {"name": [trigger.bucket]},
                "object": {"key": [_keys(trigger.prefix, trigger.suffix)]},
            },
        }
    return {
        "source": ["aws.sagemaker"],
        "detail-type": [MODEL_PACKAGE_CHANGE],
        "detail": {
            "ModelPackageGroupName": [trigger.model_package_group],
            "ModelApprovalStatus": ["Approved"],
        },
    }


def _keys(prefix: str, suffix: str | None) -> dict[str, str]:
    """Return a pattern's condition on keys; prefix and suffix as two items would mean either of them."""
    if suffix is None:
        return {"prefix": prefix}
    literal = (text.replace("\\", "\\\\").replace("*", "\\*") for text in (prefix, suffix))
    return {"wildcard": "*".join(literal)}
