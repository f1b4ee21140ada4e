"""When the service runs a failed step again."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from smp.config.values.base import ConfigModel, Flag, fault

RetryCause = Literal["throttling", "service_fault", "internal_error", "capacity", "resource_limit"]


class RetrySection(ConfigModel):
    """Attempts after a fault that is not the script's."""

    enabled: Flag = True
    """Whether a failed step runs again at all by these rules."""
    causes: tuple[RetryCause, ...] = Field(
        default=("throttling", "service_fault", "internal_error", "capacity", "resource_limit"),
        min_length=1,
        strict=False,
    )
    """Faults after which a step runs again; the last three are those of a job."""
    max_attempts: int | None = Field(default=None, ge=1, le=20)
    """How often a step runs again; 3 where no time is set either."""
    expire_after_minutes: int | None = Field(default=None, ge=1, le=14400)
    """Until when a step runs again, in place of a number of attempts."""
    interval_seconds: int | None = Field(default=None, ge=1, le=43_200)
    """The wait before the first new attempt: without it 5, and 60 after a job's fault."""
    backoff_rate: int | float = Field(default=2, ge=1, le=10)
    """By how much each wait is longer than the one before."""

    @model_validator(mode="after")
    def _one_bound(self) -> RetrySection:
        if self.max_attempts is not None and self.expire_after_minutes is not None:
            raise fault(
                "has two ends: max_attempts and expire_after_minutes",
                "one of them",
            )
        return self
