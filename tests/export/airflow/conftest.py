"""One emulator and one process of Airflow for each test module, whose ENVIRONMENT says the version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.export.airflow.dag_runs", "tests.export.airflow.start_runs")

from tests.export.airflow.airflow_process import AirflowProcess, airflow_process  # noqa: E402
from tests.export.airflow.deployment import make_buckets  # noqa: E402
from tests.export.airflow.emulated_service import EmulatedService, emulated_service  # noqa: E402


@pytest.fixture(scope="module")
def emulator() -> Iterator[EmulatedService]:
    with emulated_service() as running:
        make_buckets(running)
        yield running


@pytest.fixture
def service(emulator: EmulatedService) -> EmulatedService:
    """Return the emulator as if nothing had been asked of it."""
    emulator.forget()
    return emulator


@pytest.fixture(scope="module")
def airflow(
    request: pytest.FixtureRequest,
    emulator: EmulatedService,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[AirflowProcess]:
    environment = request.module.ENVIRONMENT
    home = tmp_path_factory.mktemp(environment)
    with airflow_process(environment, home, emulator.url) as process:
        yield process
