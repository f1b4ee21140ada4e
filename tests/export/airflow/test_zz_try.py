from pathlib import Path
from dataclasses import replace
from tests.export.recommender import *
from tests.export.step_functions import deployed
from smp.export.airflow import render_dag
import tests.export.airflow.airflow_process as ap
ap.RUNNER = Path("/tmp/reco/run_dags.py")
ENVIRONMENT = "airflow-3"
def test_x(airflow, service):
    c = recommender("trained"); c = replace(c, definition=deployed(c.definition))
    service.reports = {"recommender-metrics": (f"{REPORT}.json", report(True))}
    airflow.place(render_dag(c))
    run = airflow.run(c.name)
    print(run["tasks"]["recommender-gate"], run["tasks"]["recommender-metrics"])
