"""One pipeline's DAG on an Airflow: its files in the bucket, and what its tasks may do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IDependable

from constructs_lib.dag_bucket import DAGS_PREFIX
from constructs_lib.pipeline_basis import PipelineBasis
from constructs_lib.role_policy import RolePolicy
from smp.export.airflow import dag_permissions, dag_values, render_dag
from smp.export.airflow.runtime_files import all_runtime_files


@dataclass(frozen=True)
class DagHome:
    """An Airflow that reads DAGs from a bucket, and the role of all its tasks."""

    bucket: s3.IBucket
    role: iam.IRole


class Dag(Construct):
    """The DAG and its values are in a separate directory, which is deleted with the stack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        basis: PipelineBasis,
        home: DagHome,
        needs: Sequence[IDependable] = (),
    ) -> None:
        """`basis` is that of the SageMaker pipeline, or made for the DAG alone.

        `needs` is deployed before the DAG, such as the pipeline that it starts.

        Of the rendered files only the DAG itself is uploaded: `DagBucket.add_shared_files` has the others.
        Raises ExportError for a pipeline that Airflow cannot run.
        """
        super().__init__(scope, construct_id)
        compiled = basis.compiled
        files = render_dag(compiled)
        self.dag_id = _dag_id(files)
        policy = RolePolicy(
            self,
            "Policy",
            role=home.role,
            description=f"Steps of pipeline {compiled.name} on Airflow"[:1000],
            statements=[
                statement.resolved(basis.resolve) for statement in dag_permissions(compiled)
            ],
        )
        known = {name: basis.resolve(name) for name in sorted(dag_values(compiled))}
        written = {
            f"{self.dag_id}.py": files[f"{self.dag_id}.py"],
            f"{self.dag_id}_values.json": json.dumps(known, ensure_ascii=False, indent=2) + "\n",
        }
        uploaded = basis.files.add_directory(
            "Dag", home.bucket, f"{DAGS_PREFIX}/{self.dag_id}", written
        )
        uploaded.node.add_dependency(*basis.needed_first, *needs, *policy.resources)


def _dag_id(files: Mapping[str, str]) -> str:
    (name,) = files.keys() - all_runtime_files().keys()
    return name.removesuffix(".py")
