"""Exports of a compiled pipeline to Apache Airflow and to MWAA Serverless.

It never imports Airflow: what runs there is written as text.
"""

from smp.export.airflow.modes import dag_permissions, render_dag
from smp.export.airflow.serverless import render_serverless, serverless_permissions
from smp.export.airflow.values import dag_values

__all__ = [
    "dag_permissions",
    "dag_values",
    "render_dag",
    "render_serverless",
    "serverless_permissions",
]
