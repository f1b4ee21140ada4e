"""DAGs run on Airflow 2 as on any other version."""

from __future__ import annotations

import pytest

from tests.export.airflow.dag_runs import DagRuns

ENVIRONMENT = "airflow-2"


@pytest.mark.slow
class TestAirflow2(DagRuns):
    """On the version of requirements/airflow-2.lock."""
