"""What every section of a job has."""

from __future__ import annotations

from pydantic import Field

from smp.config.sections.registry import DEFAULT_INSTANCE_TYPE
from smp.config.values.aws import HyphenatedName, InstanceCount
from smp.config.values.base import ConfigModel, Tags, Text

RUNTIME_SPELLINGS = {
    "max_runtime_in_seconds": "max_runtime_seconds",
    "max_run_time_in_seconds": "max_runtime_seconds",
}

NINE_DAYS = 9 * 24 * 3600
TWENTY_EIGHT_DAYS = 28 * 24 * 3600


class JobSection(ConfigModel):
    """What every job has."""

    base_job_name: HyphenatedName | None = None
    """The beginning of the job's name; without it the step's name."""
    instance_type: Text = DEFAULT_INSTANCE_TYPE
    """The instance type of the job."""
    instance_count: InstanceCount = 1
    """The number of instances of the job."""
    env: dict[str, str] = Field(default={})
    """Environment variables of the script."""
    tags: Tags = ()
    """Tags of the job, beside those of the pipeline."""
