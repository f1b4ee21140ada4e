"""The pipeline construct by itself, as a hand-written stack uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import assertions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from constructs_lib.job_environment import JobEnvironment
from constructs_lib.role_policy import RolePolicy
from constructs_lib.sagemaker_pipeline import SageMakerPipeline
from smp.definition.assembly import read_assembly
from smp.definition.compiled import CompiledPipeline
from smp.definition.permissions.statement import Statement
from smp.errors import SetupError
from tests.stacks.pipelines import definition, full_pipeline, processing_only
from tests.stacks.synthesis import ROOT

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE_ROOT", str(ROOT / ".cache" / "jsii"))


def stack(region: str | None = None) -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Own", env=cdk.Environment(region=region))


def environment(scope: cdk.Stack, **fields: Any) -> JobEnvironment:
    return JobEnvironment(
        bucket=s3.Bucket.from_bucket_name(scope, "Bucket", "own-bucket"),
        key=kms.Key.from_key_arn(scope, "Key", "arn:aws:kms:eu-west-1:123456789012:key/1"),
        subnet_ids=["subnet-1"],
        security_group_ids=["sg-1"],
        **fields,
    )


def test_fails_for_egress_where_there_is_no_way_out(tmp_path: Path) -> None:
    scope = stack()
    with pytest.raises(SetupError) as caught:
        SageMakerPipeline(
            scope,
            "Pipeline",
            pipeline=processing_only(tmp_path, internet_egress=True),
            environment=environment(scope),
        )
    assert "conf.sagemakerNetworkSecurity.internet_egress" in str(caught.value)
    assert "network.internetEgress" in str(caught.value)


def test_fails_for_an_image_that_the_region_does_not_have(tmp_path: Path) -> None:
    scope = stack(region="mars-north-1")
    with pytest.raises(SetupError, match=r"image 'sklearn-1\.2-1' is not offered") as caught:
        SageMakerPipeline(
            scope, "Pipeline", pipeline=full_pipeline(tmp_path), environment=environment(scope)
        )
    assert "allowed: eu-west-1, us-east-1" in str(caught.value)


def unknown_steps(store: Path) -> CompiledPipeline:
    steps = {"Name": "emr", "Type": "EMR", "Arguments": {}}
    return processing_only(store, definition=definition(steps), code=())


def test_fails_for_a_step_type_whose_permissions_are_not_known(tmp_path: Path) -> None:
    scope = stack()
    with pytest.raises(SetupError, match="step type 'EMR'") as caught:
        SageMakerPipeline(
            scope, "Pipeline", pipeline=unknown_steps(tmp_path), environment=environment(scope)
        )
    assert "pass your own pipeline_role" in str(caught.value)


def test_any_step_type_runs_with_an_own_pipeline_role(tmp_path: Path) -> None:
    scope = stack()
    role = iam.Role.from_role_arn(scope, "Role", "arn:aws:iam::123456789012:role/runner")
    pipeline = SageMakerPipeline(
        scope,
        "Pipeline",
        pipeline=unknown_steps(tmp_path),
        environment=environment(scope),
        pipeline_role=role,
    )
    assert pipeline.resource.role_arn == "arn:aws:iam::123456789012:role/runner"


def test_a_pipeline_without_code_uploads_nothing(tmp_path: Path) -> None:
    scope = stack()
    SageMakerPipeline(
        scope,
        "Pipeline",
        pipeline=processing_only(tmp_path, code=()),
        environment=environment(scope),
    )
    template = json.dumps(assertions.Template.from_stack(scope).to_json())
    assert "CDKBucketDeployment" not in template
    assert "AWS::SageMaker::Pipeline" in template


def test_a_hand_written_stack_leaves_its_pipelines_in_the_assembly(tmp_path: Path) -> None:
    app = cdk.App(outdir=str(tmp_path / "cdk.out"))
    scope = cdk.Stack(app, "Own")
    shared = environment(scope)
    compiled = [full_pipeline(tmp_path / "code"), processing_only(tmp_path / "code")]
    for pipeline in compiled:
        SageMakerPipeline(scope, pipeline.name, pipeline=pipeline, environment=shared)
    app.synth()
    read = read_assembly(tmp_path / "cdk.out", tmp_path / "read")
    assert [pipeline.to_json() for pipeline in read] == [each.to_json() for each in compiled]
    metadata = json.loads((tmp_path / "cdk.out" / "Own.template.json").read_text())["Metadata"]
    assert {name.partition(":")[0] for name in metadata} == {"churn", "prepare"}


def role_policy(resources: list[str]) -> cdk.Stack:
    scope = stack()
    role = iam.Role(scope, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
    read = Statement("Read", ["s3:GetObject"], resources)
    RolePolicy(scope, "Policy", role=role, description="Data of the jobs", statements=[read])
    return scope


def test_a_role_gets_as_many_policies_as_its_exact_grants_take() -> None:
    resources = [f"arn:aws:s3:::bucket/{'x' * 100}/{number}" for number in range(200)]
    template = assertions.Template.from_stack(role_policy(resources)).to_json()
    documents = [
        resource["Properties"]["PolicyDocument"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    ]
    assert len(documents) > 1
    granted = [arn for each in documents for item in each["Statement"] for arn in item["Resource"]]
    assert sorted(granted) == sorted(resources)


def test_fails_for_more_policies_than_a_role_may_have() -> None:
    resources = [f"arn:aws:s3:::bucket/{'x' * 100}/{number}" for number in range(500)]
    with pytest.raises(SetupError, match="too many for one role"):
        role_policy(resources)


def test_constructs_load_neither_the_graph_nor_the_configuration() -> None:
    program = (
        "import sys, constructs_lib.sagemaker_pipeline\n"
        "print([m for m in sys.modules if m.startswith(('smp.graph', 'smp.config', 'smp.compiler'))])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
