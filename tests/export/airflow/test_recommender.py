"""The recommender of the examples as a DAG, trained and tuned, registered and refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.deployment import BUCKET, files_of, refused_calls
from tests.export.airflow.emulated_service import EmulatedService
from tests.export.engines.dag import run_as_dag
from tests.export.engines.local_run import run_locally
from tests.export.recommender import (
    BEFORE_THE_GATE,
    NAME,
    REASON,
    REPORT,
    SETTINGS,
    check_calls,
    comparable,
    recommender,
    report,
    story,
)
from tests.export.step_functions import deployed

ENVIRONMENT = "airflow-3"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("is_good", [True, False], ids=["registered", "refused"])
def test_the_recommender_runs_on_airflow(
    setting: str, is_good: bool, airflow: AirflowProcess, service: EmulatedService
) -> None:
    compiled = recommender(setting)
    service.reports[REPORT] = (f"{REPORT}.json", report(is_good))
    airflow.place(files_of(compiled))
    run = airflow.run(compiled.name)
    assert "import_errors" not in run, run["import_errors"]
    assert {name: task["state"] for name, task in run["tasks"].items()} == {
        **{f"recommender-{name}": "success" for name in BEFORE_THE_GATE},
        "recommender-gate": "success",
        "recommender-register-RegisterModel": "success" if is_good else "skipped",
        "recommender-refuse": "skipped" if is_good else "failed",
    }
    assert run["state"] == ("success" if is_good else "failed")
    assert (REASON in airflow.log()) != is_good
    assert not refused_calls(compiled, service.calls)
    requests: dict[str, list[dict[str, Any]]] = {}
    for call in service.calls:
        requests.setdefault(call.operation, []).append(call.request)
    (prepared, _) = requests["CreateProcessingJob"]
    outputs = prepared["ProcessingOutputConfig"]["Outputs"]
    (train,) = (item for item in outputs if item["OutputName"] == "train")
    uri = str(train["S3Output"]["S3Uri"])
    assert uri.startswith(f"s3://{BUCKET}/executions/{NAME}/")
    place = uri.removeprefix(f"s3://{BUCKET}/").removesuffix("/train")
    check_calls(setting, BUCKET, requests, place)


@pytest.mark.parametrize("setting", SETTINGS)
def test_it_asks_for_the_same_as_a_local_run(
    setting: str, airflow: AirflowProcess, service: EmulatedService, tmp_path: Path
) -> None:
    compiled = recommender(setting)
    compiled = replace(compiled, definition=deployed(compiled.definition))
    here = run_locally(compiled, story(True), tmp_path)
    there = run_as_dag(compiled, story(True), airflow, service)
    assert comparable(there) == comparable(here)
    assert there.outcomes == here.outcomes == {"recommender-gate": True}
    assert there.succeeded
