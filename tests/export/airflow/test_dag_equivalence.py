"""Random pipelines do as DAGs what they do in a local run: requests, order, and the sides taken."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from smp.definition.compiled import CompiledPipeline
from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.emulated_service import EmulatedService
from tests.export.engines.dag import run_as_dag, visible
from tests.export.engines.local_run import run_locally
from tests.export.engines.ran import Story, order_faults
from tests.export.test_equivalence import stories

ENVIRONMENT = "airflow-3"


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(told=stories())
def test_a_pipeline_does_the_same_as_a_dag_as_here(
    told: tuple[CompiledPipeline, Story],
    airflow: AirflowProcess,
    emulator: EmulatedService,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    compiled, story = told
    here = run_locally(compiled, story, tmp_path_factory.mktemp("local"))
    there = run_as_dag(compiled, story, airflow, emulator)
    assert there.requests == here.requests
    assert there.outcomes == visible(compiled, here)
    assert there.succeeded == here.succeeded
    assert order_faults(compiled, there) == []
