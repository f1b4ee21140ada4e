"""What starts a pipeline by itself: a schedule, data that arrives, a model that was approved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from smp.config.sections.targets import Target
from smp.config.values.aws import HYPHENATED, BucketName, ModelName
from smp.config.values.base import ConfigModel, Flag, Text, fault, pattern
from smp.definition.cron import CronError, check_cron, check_rate
from smp.definition.expressions import EVENT, NAME, Written
from smp.definition.parameter_text import Value
from smp.errors import near_names

MAX_TRIGGERS = 20
"""Triggers of one pipeline: all of them stand in its stack."""


def _as_field(check: Callable[[str], str]) -> Callable[[str], str]:
    """Return a check of cron expressions or rates as one of a field of the configuration."""

    def checked(text: str) -> str:
        try:
            return check(text)
        except CronError as error:
            raise fault(error.reason, error.allowed, error.hint) from error

    return checked


@cache
def time_zones() -> frozenset[str]:
    """Return the names of the IANA database, as the pinned package has them."""
    from importlib.resources import files

    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


def _check_zone(value: str) -> str:
    known = time_zones()
    if value not in known:
        same = next((name for name in known if name.lower() == value.lower()), None)
        hint = f"did you mean '{same}'?" if same else near_names(value, sorted(known))
        raise fault(
            "is not a time zone", "a name of the IANA database, such as Europe/Berlin", hint
        )
    return value


def _check_instant(value: str) -> str:
    """Return an instant in UTC, as the service takes it."""
    allowed = "a time with its offset, such as 2030-01-31T06:00:00Z"
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise fault("is not a time", allowed) from None
    if instant.tzinfo is None:
        raise fault("has no offset", allowed, f"for UTC: {value}Z" if "T" in value else None)
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_value(value: Any) -> Value:
    if isinstance(value, Written):
        if not EVENT.fullmatch(value.text):
            allowed = "a value, or ${event.NAME} and nothing else"
            raise fault("is put in as a whole or not at all", allowed)
        return value.text
    if value is None or not isinstance(value, (str, int, float, bool)):
        raise fault("is not a value of a parameter", "text, a number, true or false")
    return value


ParameterName = Annotated[
    str,
    Field(pattern=pattern(f"^{NAME}$", "1 to 64 letters, digits, hyphens and underscores")),
]
ParameterValues = dict[
    ParameterName,
    Annotated[Value, PlainValidator(_read_value, json_schema_input_type=str | int | float | bool)],
]


class TriggerBase(ConfigModel):
    """What every trigger has."""

    name: str = Field(
        max_length=32,
        pattern=pattern(
            r"^[A-Za-z0-9](-*[A-Za-z0-9])*$",
            "letters, digits and hyphens, no hyphen first or last",
        ),
    )
    """The name, the only one of that name in the pipeline."""
    enabled: Flag = True
    """Whether it starts the pipeline; where not, nothing of it is deployed."""
    target: Target | None = None
    """Which of the pipeline's `targets` it starts; without it the first of them."""
    parameters: ParameterValues = Field(default={})
    """What it sets, by the parameter's name; the others have their defaults."""


class ScheduleTrigger(TriggerBase):
    """Starts the pipeline at certain times."""

    type: Literal["schedule"]
    """What kind of trigger it is."""
    cron: Annotated[Text, AfterValidator(_as_field(check_cron))] | None = None
    """Minutes, hours, day of month, month, day of week and year, such as `0 6 ? * MON-FRI *`."""
    rate: Annotated[Text, AfterValidator(_as_field(check_rate))] | None = None
    """In place of `cron`: how long from start to start, such as `6 hours`."""
    timezone: Annotated[Text, Field(max_length=50), AfterValidator(_check_zone)] | None = None
    """For `cron`: the time zone that it is in, such as `Europe/Berlin`; without it UTC."""
    start: Annotated[Text, AfterValidator(_check_instant)] | None = None
    """The time before which it does not start the pipeline; in the future when it is deployed."""
    end: Annotated[Text, AfterValidator(_check_instant)] | None = None
    """The time after which it no longer starts the pipeline."""

    @model_validator(mode="after")
    def _check_times(self) -> ScheduleTrigger:
        if self.cron is None and self.rate is None:
            raise fault("has no time", "cron or rate")
        if self.cron is not None and self.rate is not None:
            raise fault("has two kinds of time", "cron or rate", at=("rate",))
        if self.rate is not None and self.timezone is not None:
            reason = "has no effect: a rate counts from the start of the schedule"
            raise fault(reason, "with cron only", at=("timezone",))
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise fault("is not after the start", f"later than {self.start}", at=("end",))
        return self


def _check_key_part(value: str) -> str:
    if "://" in value:
        raise fault("is a URI, and a part of a key is expected", "incoming/sales/")
    if value.startswith("/"):
        raise fault("begins with '/', which no usual key does", value.lstrip("/") or "incoming/")
    return value


class DataTrigger(TriggerBase):
    """Starts the pipeline for each object that is put below a prefix of a bucket."""

    type: Literal["data"]
    """What kind of trigger it is."""
    bucket: BucketName | None = None
    """The bucket, which has to send its events to EventBridge; without it the project's, which does."""
    prefix: Annotated[Text, Field(max_length=1024), AfterValidator(_check_key_part)]
    """What the keys begin with."""
    suffix: Annotated[Text, Field(max_length=1024), AfterValidator(_check_key_part)] | None = None
    """What the keys end with."""


class ApprovedModelTrigger(TriggerBase):
    """Starts the pipeline when a version of another pipeline's model was approved."""

    type: Literal["approved_model"]
    """What kind of trigger it is."""
    model_package_group: (
        Annotated[
            str,
            Field(pattern=HYPHENATED),
        ]
        | None
    ) = None
    """The group of the versions, by its name."""
    pipeline: Text | None = None
    """In place of the group: the pipeline of this workspace that registers the model."""
    model: ModelName | None = None
    """With `pipeline`: which of its models."""

    @model_validator(mode="after")
    def _check_model(self) -> ApprovedModelTrigger:
        named = self.pipeline is not None, self.model is not None
        if self.model_package_group is not None and any(named):
            allowed = "model_package_group, or pipeline and model"
            raise fault("names the model twice", allowed, at=("model_package_group",))
        if self.model_package_group is None and not all(named):
            raise fault("names no model", "model_package_group, or pipeline and model")
        return self


AnyTrigger = Annotated[
    ScheduleTrigger | DataTrigger | ApprovedModelTrigger, Field(discriminator="type")
]


def _check_names(triggers: tuple[AnyTrigger, ...]) -> tuple[AnyTrigger, ...]:
    names = [trigger.name.lower() for trigger in triggers]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise fault("a trigger of this name is already defined above", at=(index, "name"))
    return triggers


Triggers = Annotated[
    tuple[AnyTrigger, ...],
    Field(strict=False, max_length=MAX_TRIGGERS),
    AfterValidator(_check_names),
]
