"""DAGs run on Airflow 3 as on any other version."""

from __future__ import annotations

import pytest

from tests.export.airflow.dag_runs import DagRuns

ENVIRONMENT = "airflow-3"


@pytest.mark.slow
class TestAirflow3(DagRuns):
    """On the version of requirements/airflow-3.lock."""
