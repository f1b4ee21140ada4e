"""Pipelines of an account are read back as they were compiled, with their code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from smp.aws.deployed import read_deployed
from smp.aws.session import open_session
from smp.definition.code.store import CodeStore
from smp.definition.compiled import CodeTree, CompiledPipeline, ModelPackageGroup
from smp.definition.deploy_values import substitute
from smp.errors import RunError
from smp.review.diff.compare import compare_states
from smp.review.diff.fields import diff_fields
from smp.review.diff.markdown import render_markdown
from smp.review.diff.summary import render_summary
from smp.review.diff.text import render_text
from smp.review.states.state import State
from tests.aws.account import ACCOUNT, REGION, ROLE, Account

BUCKET = "smp-foundation-data-1a2b"
IMAGES = {"sklearn-1.2-1": {REGION: f"111122223333.dkr.ecr.{REGION}.amazonaws.com/sklearn:9"}}
SCRIPT = {"train.py": b"print(1)\n", "sub/data.bin": b"\xff\x00"}
MANIFEST = {"manifest.json": b'[{"prefix": "s3://${smp:bucket}/in/"}, "a"]', "plain.txt": b"x"}


@pytest.fixture
def pipeline(tmp_path: Path) -> CompiledPipeline:
    """A pipeline with plain code, code that holds names, and a model package group."""
    store = CodeStore(tmp_path / "store")
    script = store.add_files(SCRIPT, "churn/scripts")
    manifest = store.add_files(MANIFEST, "churn/manifest", frozenset({"manifest.json"}))
    return compiled(store, script, manifest)


def compiled(store: CodeStore, *trees: CodeTree) -> CompiledPipeline:
    reads = {f"Code{n}": f"s3://${{smp:bucket}}/{tree.key}" for n, tree in enumerate(trees)}
    arguments = {
        **reads,
        "AppSpecification": {"ImageUri": "${smp:image.sklearn-1.2-1}"},
        "RoleArn": "${smp:role_arn}",
        "VolumeKmsKeyId": "${smp:kms_key_arn}",
        "VpcConfig": {
            "Subnets": ["${smp:subnets}"],
            "SecurityGroupIds": ["${smp:security_group_ids}"],
        },
    }
    steps = [
        {"Name": "prepare", "Type": "Processing", "Arguments": arguments},
        {
            "Name": "register",
            "Type": "RegisterModel",
            "Arguments": {"ModelPackageGroupName": "churn-models"},
        },
    ]
    return CompiledPipeline(
        name="churn",
        definition={"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps},
        code=trees,
        code_store=store.root,
        display_name="churn-of-customers",
        description="Who leaves",
        max_parallel_steps=3,
        tags={"team": "ml"},
        images=IMAGES,
        model_package_groups=(ModelPackageGroup("churn-models", "Models of churn"),),
        models=("churn",),
        step_models={"prepare": "churn", "register": "churn"},
    )


def value_of(name: str) -> str | list[str]:
    values: dict[str, str | list[str]] = {
        "bucket": BUCKET,
        "role_arn": f"arn:aws:iam::{ACCOUNT}:role/Smp-Pipeline-churn-JobRole-1a2b",
        "kms_key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/0b0c",
        "subnets": ["subnet-1", "subnet-2"],
        "security_group_ids": ["sg-1"],
        "image.sklearn-1.2-1": IMAGES["sklearn-1.2-1"][REGION],
    }
    return values[name]


def deploy(account: Account, pipeline: CompiledPipeline) -> None:
    """Do what the stack does: the definition, the group and the code with the values in them."""
    sagemaker, s3 = account.client("sagemaker"), account.client("s3")
    for group in pipeline.model_package_groups:
        sagemaker.create_model_package_group(
            ModelPackageGroupName=group.name, ModelPackageGroupDescription=group.description
        )
    sagemaker.create_pipeline(
        PipelineName=pipeline.name,
        PipelineDisplayName=pipeline.display_name or pipeline.name,
        PipelineDescription=pipeline.description,
        PipelineDefinition=json.dumps(substitute(pipeline.definition, value_of)),
        RoleArn=ROLE,
        ClientRequestToken="x" * 32,
        Tags=[{"Key": "team", "Value": "ml"}, {"Key": "stage", "Value": "dev"}],
        ParallelismConfiguration={"MaxParallelExecutionSteps": pipeline.max_parallel_steps},
    )
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for tree in pipeline.code:
        for file in tree.files:
            data = (pipeline.code_store / tree.sha256 / file.path).read_bytes()
            if file.is_template:
                data = substitute(data.decode(), value_of).encode()
            s3.put_object(Bucket=BUCKET, Key=f"{tree.key}/{file.path}", Body=data)


def read(directory: Path, *known: CompiledPipeline) -> Any:
    return read_deployed(open_session(), ["churn", "gone"], directory, known).pipelines


def test_a_deployed_pipeline_comes_back_as_it_was_compiled(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)

    (found,) = read(tmp_path / "deployed", pipeline)

    assert found == replace(pipeline, code_store=tmp_path / "deployed")


def test_its_files_lie_in_the_store_with_names_in_the_place_of_values(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)

    (found,) = read(tmp_path / "deployed")

    files = {
        file.path: (found.code_store / tree.sha256 / file.path).read_bytes()
        for tree in found.code
        for file in tree.files
    }
    assert files == {**SCRIPT, **MANIFEST}
    assert [tree.files for tree in found.code] == [tree.files for tree in pipeline.code]


def test_a_tree_is_downloaded_once(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)
    (first,) = read(tmp_path / "deployed", pipeline)
    s3 = account.client("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=item["Key"])

    assert read(tmp_path / "deployed", pipeline) == (first,)


def test_a_file_changed_in_the_store_is_downloaded_again(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)
    (first,) = read(tmp_path / "deployed", pipeline)
    script = tmp_path / "deployed" / first.code[0].sha256 / "train.py"
    script.write_bytes(b"print(2)\n")

    read(tmp_path / "deployed", pipeline)

    assert script.read_bytes() == SCRIPT["train.py"]


def test_a_changed_tree_has_the_origin_of_the_one_that_takes_its_place(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)
    store = CodeStore(tmp_path / "next")
    script = store.add_files({"train.py": b"print(2)\n"}, "churn/scripts")
    head = compiled(store, script, pipeline.code[1])

    (found,) = read(tmp_path / "deployed", head)

    assert {tree.sha256: tree.origin for tree in found.code} == {
        tree.sha256: tree.origin for tree in pipeline.code
    }


def test_without_anything_known_an_image_and_all_tags_are_as_deployed(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)

    (found,) = read(tmp_path / "deployed")

    uri = found.definition["Steps"][0]["Arguments"]["AppSpecification"]["ImageUri"]
    assert uri == "111122223333.dkr.ecr.${smp:region}.amazonaws.com/sklearn:9"
    assert found.tags == {"team": "ml", "stage": "dev"}
    assert found.images == {}


def test_jobs_reach_the_internet_where_a_route_of_their_subnets_does(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    ec2 = account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    text = json.dumps(pipeline.definition).replace("${smp:subnets}", subnet)
    deploy(account, replace(pipeline, definition=json.loads(text)))

    (isolated,) = read(tmp_path / "deployed")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    (open_,) = read(tmp_path / "deployed")

    assert (isolated.internet_egress, open_.internet_egress) == (False, True)


def test_a_role_put_into_every_step_by_hand_is_not_taken_for_that_of_the_stack(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}
    account.client("cloudformation").create_stack(
        StackName="Smp-Pipeline-churn",
        TemplateBody=json.dumps({"Resources": {"PipelineJobRole1A2B": role}}),
        Capabilities=["CAPABILITY_IAM"],
    )
    (made,) = account.client("iam").list_roles()["Roles"]
    tags = [{"Key": "aws:cloudformation:stack-name", "Value": "Smp-Pipeline-churn"}]

    text = json.dumps(pipeline.definition)
    deploy(account, replace(pipeline, definition=json.loads(text)))
    sagemaker = account.client("sagemaker")
    arn = sagemaker.describe_pipeline(PipelineName="churn")["PipelineArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=tags)
    (by_hand,) = read(tmp_path / "deployed", pipeline)
    right = text.replace("${smp:role_arn}", made["Arn"])
    substituted = json.dumps(substitute(json.loads(right), value_of))
    sagemaker.update_pipeline(PipelineName="churn", PipelineDefinition=substituted)
    (as_deployed,) = read(tmp_path / "deployed", pipeline)

    assert by_hand.definition["Steps"][0]["Arguments"]["RoleArn"] == value_of("role_arn")
    assert as_deployed.definition == pipeline.definition
    assert as_deployed.tags == pipeline.tags


def test_fails_for_code_that_is_not_what_its_address_says(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)
    key = f"{pipeline.code[0].key}/train.py"
    account.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"print('other')\n")

    with pytest.raises(RunError, match="does not have the hash in its address"):
        read(tmp_path / "deployed", pipeline)

    assert not (tmp_path / "deployed").exists()


@pytest.mark.parametrize("path", ["../../../escaped", "a/../../b", "/etc/x", "a//b", ""])
def test_fails_for_an_object_whose_key_leads_elsewhere(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path, path: str
) -> None:
    deploy(account, pipeline)
    key = f"{pipeline.code[0].key}/{path}"
    account.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")

    with pytest.raises(RunError, match="no deployment puts there"):
        read(tmp_path / "deployed", pipeline)

    assert not (tmp_path / "deployed").exists()


def test_fails_for_code_that_is_gone(
    account: Account, pipeline: CompiledPipeline, tmp_path: Path
) -> None:
    deploy(account, pipeline)
    s3 = account.client("s3")
    for file in pipeline.code[0].files:
        s3.delete_object(Bucket=BUCKET, Key=f"{pipeline.code[0].key}/{file.path}")

    with pytest.raises(RunError, match=f"{pipeline.code[0].sha256}/ with 0 files"):
        read(tmp_path / "deployed", pipeline)


DENIED = {
    "events.ListRuleNamesByTarget": "churn: schedules and triggers",
    "scheduler.ListSchedules": "churn: schedules and triggers",
    "ec2.DescribeRouteTables": "churn: the routes of its subnets",
    "sagemaker.ListTags": "churn: tags",
    "sagemaker.DescribeModelPackageGroup": (
        "churn: the description of the model package group churn-models"
    ),
}


@pytest.mark.parametrize("operation", DENIED)
def test_what_may_not_be_read_is_named_in_the_review(
    operation: str,
    account: Account,
    pipeline: CompiledPipeline,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deploy(account, pipeline)
    call: Any = vars(BaseClient)["_make_api_call"]

    def denying(self: BaseClient, name: str, arguments: Any) -> Any:
        if f"{self.meta.service_model.service_name}.{name}" == operation:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, name)
        return call(self, name, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", denying)
    found = read_deployed(open_session(), ["churn"], tmp_path / "deployed", [pipeline])
    base = State.of("deployed", found.pipelines, knows_config=False, unread=found.unread)
    diff = compare_states(base, State.of("working tree", [pipeline]))

    assert found.unread == (DENIED[operation],)
    assert diff.is_empty
    line = f"Not compared, access denied: {DENIED[operation]}"
    assert line in render_text(diff)
    assert line in render_summary(diff)
    assert line in render_markdown(diff)
    assert diff_fields(diff)["unread"] == [DENIED[operation]]
