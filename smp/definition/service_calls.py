"""The calls of SageMaker's API that stand for the types of steps, one table.

It never makes a call, and never knows an engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ServiceCall:
    """What a step of one type does. Operations and members are the API's own names (botocore 1.44.5)."""

    operation: str
    describe: str
    """Its answer is what the step's properties are read from."""
    name_member: str | None = None
    """The member of the request that names what is created; None where the service numbers it."""
    longest_name: int = 63
    answer: str | None = None
    """The one property that later steps read where no job has to be waited for."""
    stop: str | None = None
    """What ends its job early; None where no job runs."""
    resource: str = ""
    """What stands before the name in the ARN of what it creates."""

    @property
    def is_job(self) -> bool:
        """Whether a job runs, that has to be waited for and can fail by itself."""
        return self.stop is not None


def _job(kind: str, resource: str, longest_name: int = 63) -> ServiceCall:
    return ServiceCall(
        f"Create{kind}",
        f"Describe{kind}",
        f"{kind}Name",
        longest_name,
        stop=f"Stop{kind}",
        resource=resource,
    )


SERVICE_CALLS: Mapping[str, ServiceCall] = {
    "Processing": _job("ProcessingJob", "processing-job"),
    "Training": _job("TrainingJob", "training-job"),
    "Transform": _job("TransformJob", "transform-job"),
    "Tuning": _job("HyperParameterTuningJob", "hyper-parameter-tuning-job", longest_name=32),
    "Model": ServiceCall(
        "CreateModel", "DescribeModel", "ModelName", answer="ModelName", resource="model"
    ),
    "RegisterModel": ServiceCall(
        "CreateModelPackage",
        "DescribeModelPackage",
        answer="ModelPackageArn",
        resource="model-package",
    ),
}
"""By step type. Conditions, Fail and Lambda steps make no call of SageMaker's."""
