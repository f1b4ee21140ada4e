"""DAGs run on Airflow 2 as on any other version."""

from __future__ import annotations

import pytest

from tests.export.airflow.dag_runs import DagRuns
from tests.export.airflow.start_runs import StartRuns

ENVIRONMENT = "airflow-2"


@pytest.mark.slow
class TestAirflow2(DagRuns):
    """On the version of requirements/airflow-2.lock."""


@pytest.mark.slow
class TestStartsOnAirflow2(StartRuns):
    """DAGs that start the pipeline of SageMaker."""
