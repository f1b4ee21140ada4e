"""The recommender of the examples as a DAG, trained and tuned, registered and refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.airflow.airflow_process import AirflowProcess
from tests.export.airflow.deployment import BUCKET, files_of, refused_calls
from tests.export.airflow.emulated_service import EmulatedService
from tests.export.recommender import (
    BEFORE_THE_GATE,
    NAME,
    REASON,
    REPORT,
    SETTINGS,
    check_calls,
    recommender,
    report,
)

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
