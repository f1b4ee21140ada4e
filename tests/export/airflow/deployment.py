"""What a deployment gives DAGs: values, buckets, an approved model; and what their role may do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from smp.compiler.compile import compile_pipeline
from smp.definition.compiled import CompiledPipeline
from smp.definition.step_types import CALLS
from smp.export.airflow import dag_permissions, dag_values, render_dag
from tests.compiler.compiling import example_graphs
from tests.export.airflow.emulated_service import ACCOUNT, REGION, Call, EmulatedService

BUCKET = "smp-data"
VALUES: Mapping[str, Any] = {
    "account_id": ACCOUNT,
    "bucket": BUCKET,
    "kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
    "partition": "aws",
    "region": REGION,
    "role_arn": f"arn:aws:iam::{ACCOUNT}:role/jobs",
    "security_group_ids": ["sg-1"],
    "subnets": ["subnet-1", "subnet-2"],
    "url_suffix": "amazonaws.com",
}


def value(name: str) -> Any:
    """Return the deployment's value of a name."""
    if name.startswith("image."):
        return f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name.removeprefix('image.')}:1"
    return VALUES[name]


@cache
def _compiled() -> Mapping[str, CompiledPipeline]:
    with TemporaryDirectory() as store:
        made = [compile_pipeline(graph, Path(store)) for graph in example_graphs()]
    return {compiled.name: compiled for compiled in made}


def example(name: str) -> CompiledPipeline:
    """Return one of the bundled examples."""
    return _compiled()[name]


def examples() -> list[CompiledPipeline]:
    """Return the bundled examples."""
    return list(_compiled().values())


def files_of(compiled: CompiledPipeline) -> Mapping[str, str]:
    """Return what stands in the directory of DAGs for a pipeline."""
    values = {name: value(name) for name in dag_values(compiled)}
    return {**render_dag(compiled), f"{compiled.name}_values.json": json.dumps(values)}


def make_buckets(service: EmulatedService) -> None:
    """Make the bucket that jobs write to; an emulator before this one may have left it."""
    place = {"LocationConstraint": REGION}
    client = service.client("s3")
    with suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)


def approve_model(service: EmulatedService, group: str, artifact: str) -> None:
    """Register a version and approve it."""
    registry = service.client("sagemaker")
    groups = registry.list_model_package_groups()["ModelPackageGroupSummaryList"]
    if group not in [item["ModelPackageGroupName"] for item in groups]:
        registry.create_model_package_group(ModelPackageGroupName=group)
    registry.create_model_package(
        ModelPackageGroupName=group,
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [
                {
                    "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/churn-lightgbm:1.0",
                    "ModelDataUrl": artifact,
                }
            ]
        },
    )
    service.forget()


def refused_calls(compiled: CompiledPipeline, calls: Iterable[Call]) -> list[Call]:
    """Return the calls of SageMaker that the permissions of a DAG do not cover."""
    granted = [
        (action, resource)
        for statement in dag_permissions(compiled)
        for action in statement.actions
        for resource in statement.resolved(value).resources
    ]
    return [
        call
        for call in calls
        if not any(
            action == f"sagemaker:{call.operation}" and fnmatchcase(_resource(call), resource)
            for action, resource in granted
        )
    ]


def _resource(call: Call) -> str:
    """Return the ARN that a call is authorised for."""
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
    request = call.request
    for kind in CALLS:
        operations = (kind.operation, kind.describe, kind.stop)
        if call.operation in operations and kind.name_member:
            return f"{arn}:{kind.resource}/{request[kind.name_member]}"
    if call.operation == "DeleteModel":
        return f"{arn}:model/{request['ModelName']}"
    if "PipelineExecutionArn" in request:
        return str(request["PipelineExecutionArn"])
    if "PipelineName" in request:
        return f"{arn}:pipeline/{request['PipelineName']}"
    if "ModelPackageName" in request:
        return str(request["ModelPackageName"])
    return f"{arn}:model-package-group/{request.get('ModelPackageGroupName', '')}"
