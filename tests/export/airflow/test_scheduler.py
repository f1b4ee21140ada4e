"""A DAG through the real scheduler, its tasks waiting in the triggerer, and its page in the browser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.export import definitions as d
from tests.export.airflow.deployed_airflow import DeployedAirflow, deployed_airflow
from tests.export.airflow.deployment import example, files_of
from tests.export.airflow.emulated_service import EmulatedService, Ending
from tests.local.report.browser import Page, browser_page, find_browser

pytestmark = pytest.mark.slow
DAG = "churn-lightgbm"
MORE = {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": "true", "AIRFLOW__SMP__CHECK_INTERVAL": "1"}


def test_the_scheduler_runs_a_dag_whose_tasks_wait_in_the_triggerer(
    service: EmulatedService, tmp_path: Path
) -> None:
    report = {"binary_classification_metrics": {"auc": {"value": 0.9}}}
    service.reports["model_evaluation_metrics"] = ("model_evaluation_metrics.json", report)
    service.endings = [Ending("churn-lightgbm-churn-training", "InProgress")]
    with deployed_airflow(tmp_path, service.url, files_of(example(DAG)), MORE) as airflow:
        airflow.wait(lambda: airflow.get(f"/api/v2/dags/{DAG}"))
        assert airflow.get("/api/v2/importErrors")["total_entries"] == 0
        run = airflow.start(DAG)
        airflow.wait(lambda: airflow.states(run)["churn-training"] == "deferred")
        service.endings.clear()
        airflow.wait(lambda: airflow.get(run)["state"] in ("success", "failed"))
        states = dict(airflow.states(run))
        assert states.pop("churn-refuse") == "skipped"
        assert set(states.values()) == {"success"}
        _look(airflow, run, tmp_path)


def test_a_run_that_is_stopped_or_cleared_leaves_no_execution_behind(
    service: EmulatedService, tmp_path: Path
) -> None:
    """The execution never ends, and every task that can wait outside a worker does so."""
    service.executions.script = [{"a": {"StepStatus": "Executing"}}]
    service.executions.hangs = True
    compiled = replace(d.pipeline(d.processing("a")), airflow_mode="start")
    executions = service.executions.executions
    with deployed_airflow(tmp_path, service.url, files_of(compiled), MORE) as airflow:
        airflow.wait(lambda: airflow.get("/api/v2/dags/demo"))
        run = airflow.start("demo")
        airflow.wait(lambda: executions and executions[0].looks > 1)
        airflow.clear(run, "execution.start")
        airflow.wait(lambda: len(executions) == 2 and executions[1].looks > 1)
        assert [execution.status for execution in executions] == ["Stopped", "Executing"]
        airflow.end(run, "failed")
        airflow.wait(lambda: executions[1].status == "Stopped")
        assert len(executions) == 2
    names = {execution.request["PipelineExecutionDisplayName"] for execution in executions}
    assert len(names) == 2


def _text(page: Page) -> str:
    """Return what the page shows, nothing while it is being replaced."""
    try:
        return str(page.evaluate("document.body ? document.body.innerText : ''"))
    except AssertionError:
        return ""


def _look(airflow: DeployedAirflow, run: str, directory: Path) -> None:
    """Open the page of the run in a browser, where there is one."""
    browser = find_browser()
    if browser is None:
        return
    (directory / "browser").mkdir()
    with browser_page(browser, directory / "browser" / "profile") as page:
        page.set_width(1500)
        place = run.removeprefix("/api/v2").replace("/dagRuns/", "/runs/")
        page.evaluate(f"location.assign('{airflow.url}{place}')")
        shown = airflow.wait(lambda: "churn-gate" in (text := _text(page)) and text, 60)
        (directory / "run.png").write_bytes(page.screenshot())
    for step in ("churn-training", "churn-metrics", "churn-register-RegisterModel"):
        assert step in shown
