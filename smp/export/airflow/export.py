"""What exporting a pipeline to Airflow or to MWAA Serverless gives: files, policies, and what differs."""

from __future__ import annotations

from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.plan import plan_permissions
from smp.export.airflow.modes import dag_differences, dag_permissions, render_dag
from smp.export.airflow.serverless import (
    render_serverless,
    serverless_notes,
    serverless_permissions,
)
from smp.export.airflow.values import values_text
from smp.export.bundle import Exported

FILL_IN = "fill in values.json and export again with --values values.json"
PUT_CODE = "aws s3 cp --recursive code s3://BUCKET/code"
DEPLOY = "deploy the pipeline to SageMaker, in the account and region of Airflow's connection"
JOB_ROLE = (
    "make a role for the jobs with policies/job-role.json, trusted by sagemaker.amazonaws.com"
)


def export_dag(compiled: CompiledPipeline) -> Exported:
    """Return the files of an export; raises ExportError with all that a DAG cannot express."""
    starts = compiled.airflow_mode == "start"
    files = dict(render_dag(compiled))
    values = f"{compiled.name}_values.json"
    job_role = {} if starts else {"policies/job-role.json": plan_permissions(compiled).job}
    return Exported(
        {**files, values: values_text(compiled)},
        {"policies/airflow.json": dag_permissions(compiled), **job_role},
        dag_differences(compiled),
        (
            FILL_IN,
            *((DEPLOY,) if starts else (PUT_CODE, JOB_ROLE)),
            "give the role of Airflow's workers policies/airflow.json",
            f"copy {', '.join([*files, values])} into the directory of DAGs",
            f"airflow dags unpause {compiled.name}",
        ),
    )


def export_serverless(compiled: CompiledPipeline) -> Exported:
    """Return the files of an export; raises ExportError with all that does not fit a workflow."""
    name = f"{compiled.name}.yaml"
    starts = compiled.airflow_mode == "start"
    job_role = {} if starts else {"policies/job-role.json": plan_permissions(compiled).job}
    return Exported(
        {name: render_serverless(compiled)},
        {"policies/workflow.json": serverless_permissions(compiled), **job_role},
        serverless_notes(compiled),
        (
            FILL_IN,
            *((DEPLOY,) if starts else (PUT_CODE, JOB_ROLE)),
            "make a role for the workflow with policies/workflow.json, trusted by "
            "airflow-serverless.amazonaws.com",
            f"aws s3 cp {name} s3://BUCKET/workflows/{name}",
            f"aws mwaa-serverless create-workflow --name {compiled.name} --role-arn ROLE "
            f"--definition-s3-location Bucket=BUCKET,ObjectKey=workflows/{name}",
        ),
    )
