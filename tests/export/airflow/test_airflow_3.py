"""DAGs run on Airflow 3 as on any other version."""

from __future__ import annotations

import pytest

from tests.export.airflow.dag_runs import DagRuns
from tests.export.airflow.start_runs import StartRuns

ENVIRONMENT = "airflow-3"


@pytest.mark.slow
class TestAirflow3(DagRuns):
    """On the version of requirements/airflow-3.lock."""


@pytest.mark.slow
class TestStartsOnAirflow3(StartRuns):
    """DAGs that start the pipeline of SageMaker."""
