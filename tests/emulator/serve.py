"""Starts the AWS emulator with this project's additions: python -m tests.emulator.serve PORT."""

import sys

from moto.server import main

from tests.aws import sagemaker_service
from tests.emulator import airflow_models, cloudformation_service, schedule_models

RESOURCES = (
    airflow_models.EnvironmentResource,
    schedule_models.ScheduleGroupResource,
    schedule_models.ScheduleResource,
)
"""The emulator finds resource types among the subclasses of its own model."""

if __name__ == "__main__":
    cloudformation_service.install()
    sagemaker_service.install()
    main(["--host", "127.0.0.1", "--port", sys.argv[1]])
