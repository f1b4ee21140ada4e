"""Who may do what in a delivery, and what its data are encrypted with."""

from __future__ import annotations

import json
import re

from smp.definition.compiled import Json
from tests.stacks.deliveries import (
    DELIVERY_STACK,
    STAGES,
    actions,
    actions_of,
    environment_templates,
    kinds,
    listed,
    pipeline,
    policies,
)
from tests.stacks.synthesis import Synthesis, shown

BOOTSTRAP = re.compile(r"role/cdk-hnb659fds-(deploy|file-publishing|cfn-exec|lookup)-role-")


def test_nothing_is_deployed_but_by_the_bootstrap_roles(delivery: Synthesis) -> None:
    for stage in STAGES:
        for action in actions(delivery, stage).values():
            if action["ActionTypeId"]["Category"] != "Deploy":
                continue
            assert "cdk-hnb659fds-deploy-role-" in shown(action["RoleArn"])
            if "RoleArn" in action["Configuration"]:
                assert "cdk-hnb659fds-cfn-exec-role-" in shown(action["Configuration"]["RoleArn"])
    deploying = re.compile(r"cloudformation:(?!DescribeStacks$)|iam:(?!PassRole$)|lambda:|ec2:")
    assert [each for each in actions_of(policies(delivery)) if deploying.match(each)] == []


def test_roles_take_no_other_roles_than_those_made_for_it(delivery: Synthesis) -> None:
    taken = set()
    for statement in policies(delivery):
        if "sts:AssumeRole" in listed(statement["Action"]):
            if "Condition" in statement:
                assert statement["Condition"] == {
                    "ForAnyValue:StringEquals": {
                        "iam:ResourceTag/aws-cdk:bootstrap-role": [
                            "image-publishing",
                            "file-publishing",
                            "deploy",
                        ]
                    }
                }
                continue
            taken |= {str(each) for each in map(shown, listed(statement["Resource"]))}
    own = re.compile(r"role/Smp-(dev|prod)-delivery-(start|review)$")
    assert taken
    assert [arn for arn in taken if not (own.search(arn) or BOOTSTRAP.search(arn))] == []


def test_no_role_may_do_everything(delivery: Synthesis) -> None:
    for statement in policies(delivery):
        assert statement["Effect"] == "Deny" or not {
            action
            for action in listed(statement["Action"])
            if action.endswith(":*") or action == "*"
        }
        managed = kinds(delivery, "AWS::IAM::Role").values()
        assert [role for role in managed if role.get("ManagedPolicyArns")] == []


def test_the_build_that_publishes_files_starts_no_other_build(delivery: Synthesis) -> None:
    denied = [each for each in policies(delivery, "PipelineAssets") if each["Effect"] == "Deny"]
    assert [(each["Action"], each["Resource"]) for each in denied] == [
        (["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"], "*")
    ]


def test_everything_at_rest_is_encrypted_with_the_deliverys_key(delivery: Synthesis) -> None:
    (key,) = kinds(delivery, "AWS::KMS::Key")
    arn = f"<{key}.Arn>"
    assert kinds(delivery, "AWS::KMS::Key")[key]["EnableKeyRotation"] is True
    for name, bucket in kinds(delivery, "AWS::S3::Bucket").items():
        if "AccessLogs" not in name:
            (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
            found = shown(rule["ServerSideEncryptionByDefault"])
            assert found == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    for group in kinds(delivery, "AWS::Logs::LogGroup").values():
        assert shown(group["KmsKeyId"]) == arn
        assert group["RetentionInDays"] == 365
    for build in kinds(delivery, "AWS::CodeBuild::Project").values():
        assert shown(build["EncryptionKey"]) == arn
        assert build["LogsConfig"]["CloudWatchLogs"]["Status"] == "ENABLED"
    for topic in kinds(delivery, "AWS::SNS::Topic").values():
        assert shown(topic["KmsMasterKeyId"]) == arn
    keys = {
        each["Region"]: shown(each["ArtifactStore"]["EncryptionKey"])
        for each in pipeline(delivery)["ArtifactStores"]
    }
    assert keys == {
        "eu-west-1": {"Id": arn, "Type": "KMS"},
        "us-east-1": {
            "Id": "arn:aws:kms:us-east-1:111111111111:alias/smp-delivery-us-east-1",
            "Type": "KMS",
        },
    }


def test_artifacts_in_another_region_are_read_by_the_role_that_deploys_there(
    delivery: Synthesis,
) -> None:
    stack = f"{DELIVERY_STACK}-us-east-1"
    (policy,) = (
        each["Properties"]["PolicyDocument"]["Statement"]
        for name, each in delivery.resources(stack, "AWS::S3::BucketPolicy").items()
        if "AccessLogs" not in name
    )
    readers = {str(shown(each["Principal"])) for each in policy if each["Effect"] == "Allow"}
    role = "arn:aws:iam::333333333333:role/cdk-hnb659fds-deploy-role-333333333333-us-east-1"
    assert readers == {str({"AWS": role})}
    assert delivery.resources(stack, "AWS::KMS::Alias")


def test_stateful_resources_outlive_the_stack_and_keep_their_names(delivery: Synthesis) -> None:
    kinds_of_state = ("AWS::KMS::Key", "AWS::S3::Bucket", "AWS::Logs::LogGroup")
    found = {
        name: resource["DeletionPolicy"]
        for kind in kinds_of_state
        for name, resource in delivery.resources(DELIVERY_STACK, kind).items()
        if not name.startswith("PullRequests")
    }
    assert found == dict.fromkeys(
        (
            "EncryptionKey3A692D6E",
            "ArtifactsBucket88671897",
            "ArtifactsAccessLogs4D97777C",
            "Log95422804",
        ),
        "Retain",
    )


def access(delivery: Synthesis, stage: str, kind: str) -> list[Json]:
    template = json.loads(environment_templates(delivery, stage)[f"Smp-{stage}-DeliveryAccess"])
    return [each["Properties"] for each in template["Resources"].values() if each["Type"] == kind]


def test_an_environment_trusts_single_roles_of_the_delivery_by_name(delivery: Synthesis) -> None:
    for stage, review in (("dev", ["Review-dev", "PullRequests"]), ("prod", ["Review-prod"])):
        trusted = {}
        for role in access(delivery, stage, "AWS::IAM::Role"):
            (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
            assert shown(statement["Principal"]) == {"AWS": "arn:aws:iam::111111111111:root"}
            trusted[role["RoleName"]] = shown(statement["Condition"])
        prefix = "arn:aws:iam::111111111111:role/Smp-Delivery-"
        assert trusted == {
            f"Smp-{stage}-delivery-start": {
                "ArnEquals": {"aws:PrincipalArn": [f"{prefix}Start-{stage}"]}
            },
            f"Smp-{stage}-delivery-review": {
                "ArnEquals": {"aws:PrincipalArn": [f"{prefix}{name}" for name in review]}
            },
        }


def test_the_start_role_starts_the_environments_pipelines_and_no_other(delivery: Synthesis) -> None:
    statements = {
        statement["Sid"]: statement
        for policy in access(delivery, "dev", "AWS::IAM::ManagedPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
    }
    arn = "arn:aws:sagemaker:eu-west-1:222222222222:pipeline"
    assert statements["StartPipelines"]["Resource"] == [f"{arn}/churn", f"{arn}/prepare"]
    assert statements["StartPipelines"]["Action"] == [
        "sagemaker:DescribePipeline",
        "sagemaker:ListPipelineExecutions",
        "sagemaker:StartPipelineExecution",
    ]
    changing = re.compile(r"sagemaker:(Create|Update|Delete|Stop|Add)")
    allowed = [action for each in statements.values() for action in listed(each["Action"])]
    assert [action for action in allowed if changing.match(action)] == []
