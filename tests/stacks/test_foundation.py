"""What the foundation stack promises to those who rely on it."""

from __future__ import annotations

import json
from typing import Any

from tests.stacks.synthesis import Synthesis, shown

FOUNDATION = "Smp-Foundation"
ISOLATED = "Smp-production-Foundation"


def test_logical_ids_of_stateful_resources_are_a_contract(agnostic: Synthesis) -> None:
    stateful = ("AWS::KMS::Key", "AWS::S3::Bucket", "AWS::EC2::VPC")
    names = {name for kind in stateful for name in agnostic.resources(FOUNDATION, kind)}
    assert names == {
        "EncryptionKey3A692D6E",
        "DataAccessLogsC0C25EE4",
        "DataBucketE6B0FAA8",
        "NetworkVpc7FB7348F",
    }


def test_key_and_buckets_outlive_the_stack(agnostic: Synthesis) -> None:
    for kind in ("AWS::KMS::Key", "AWS::S3::Bucket"):
        for resource in agnostic.resources(FOUNDATION, kind).values():
            assert resource["DeletionPolicy"] == "Retain"
            assert resource["UpdateReplacePolicy"] == "Retain"


def test_the_stack_is_protected_against_deletion(agnostic: Synthesis) -> None:
    manifest = json.loads((agnostic.directory / "manifest.json").read_text())
    assert manifest["artifacts"][FOUNDATION]["properties"]["terminationProtection"] is True


def test_the_key_rotates(agnostic: Synthesis) -> None:
    (key,) = agnostic.resources(FOUNDATION, "AWS::KMS::Key").values()
    assert key["Properties"]["EnableKeyRotation"] is True


def test_log_groups_of_other_accounts_cannot_use_the_key(agnostic: Synthesis) -> None:
    (key,) = agnostic.resources(FOUNDATION, "AWS::KMS::Key").values()
    (logs,) = (
        statement
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if statement.get("Sid") == "EncryptLogGroupsOfThisAccount"
    )
    assert shown(logs["Condition"]) == {
        "ArnLike": {
            "kms:EncryptionContext:aws:logs:arn": "arn:<AWS::Partition>:logs:<AWS::Region>"
            ":<AWS::AccountId>:log-group:*"
        }
    }


def data_bucket(synthesis: Synthesis, stack: str = FOUNDATION) -> dict[str, Any]:
    properties: dict[str, Any] = synthesis.resources(stack, "AWS::S3::Bucket")[
        "DataBucketE6B0FAA8"
    ]["Properties"]
    return properties


def test_data_is_encrypted_with_the_key(agnostic: Synthesis) -> None:
    (rule,) = data_bucket(agnostic)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert shown(rule["ServerSideEncryptionByDefault"]) == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": "<EncryptionKey3A692D6E.Arn>",
    }


def test_no_bucket_can_become_public(agnostic: Synthesis) -> None:
    for bucket in agnostic.resources(FOUNDATION, "AWS::S3::Bucket").values():
        assert bucket["Properties"]["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        assert bucket["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_buckets_refuse_requests_without_tls(agnostic: Synthesis) -> None:
    policies = agnostic.resources(FOUNDATION, "AWS::S3::BucketPolicy")
    assert len(policies) == 2
    for policy in policies.values():
        statements = policy["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            statement["Effect"] == "Deny"
            and statement["Action"] == "s3:*"
            and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
            for statement in statements
        )


def test_reads_of_data_are_logged(agnostic: Synthesis) -> None:
    logging = data_bucket(agnostic)["LoggingConfiguration"]
    assert shown(logging["DestinationBucketName"]) == "<DataAccessLogsC0C25EE4>"


def test_only_intermediate_outputs_are_deleted_by_age(agnostic: Synthesis) -> None:
    rules = data_bucket(agnostic)["LifecycleConfiguration"]["Rules"]
    expiring = {r["Prefix"]: r["ExpirationInDays"] for r in rules if "ExpirationInDays" in r}
    assert expiring == {"executions/": 180}
    assert {rule["Status"] for rule in rules} == {"Enabled"}


def test_replaced_objects_and_broken_uploads_go(agnostic: Synthesis) -> None:
    rules = {rule["Id"]: rule for rule in data_bucket(agnostic)["LifecycleConfiguration"]["Rules"]}
    assert rules["DropReplacedObjects"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}
    assert rules["DropReplacedObjects"]["AbortIncompleteMultipartUpload"] == {
        "DaysAfterInitiation": 7
    }


def endpoints(synthesis: Synthesis, stack: str, kind: str) -> set[str]:
    found = synthesis.resources(stack, "AWS::EC2::VPCEndpoint").values()
    return {
        str(shown(endpoint["Properties"]["ServiceName"])).rpartition("<AWS::Region>.")[2]
        for endpoint in found
        if endpoint["Properties"]["VpcEndpointType"] == kind
    }


def test_jobs_reach_what_they_need_without_the_internet(agnostic: Synthesis) -> None:
    assert endpoints(agnostic, FOUNDATION, "Gateway") == {"s3"}
    assert endpoints(agnostic, FOUNDATION, "Interface") == {
        "ecr.api",
        "ecr.dkr",
        "kms",
        "logs",
        "monitoring",
        "sagemaker.api",
        "sagemaker.runtime",
        "sts",
    }


def routed_out(synthesis: Synthesis, stack: str) -> set[str]:
    """Return the route tables with a route to anywhere."""
    return {
        str(shown(route["Properties"]["RouteTableId"]))
        for route in synthesis.resources(stack, "AWS::EC2::Route").values()
    }


def test_isolated_subnets_have_no_route_to_the_internet(agnostic: Synthesis) -> None:
    tables = {
        shown(association["Properties"]["SubnetId"]): shown(
            association["Properties"]["RouteTableId"]
        )
        for association in agnostic.resources(
            FOUNDATION, "AWS::EC2::SubnetRouteTableAssociation"
        ).values()
    }
    isolated = {subnet: table for subnet, table in tables.items() if "Isolated" in subnet}
    assert len(isolated) == 2
    assert not set(isolated.values()) & routed_out(agnostic, FOUNDATION)


def test_there_is_a_way_out_only_where_a_setting_asks_for_one(
    agnostic: Synthesis, isolated: Synthesis
) -> None:
    for kind in ("AWS::EC2::NatGateway", "AWS::EC2::InternetGateway"):
        assert len(agnostic.resources(FOUNDATION, kind)) == 1
        assert isolated.resources(ISOLATED, kind) == {}
    assert routed_out(isolated, ISOLATED) == set()


def test_isolated_subnets_are_the_same_with_and_without_a_way_out(
    agnostic: Synthesis, isolated: Synthesis
) -> None:
    def blocks(synthesis: Synthesis, stack: str) -> dict[str, str]:
        subnets = synthesis.resources(stack, "AWS::EC2::Subnet").items()
        return {
            name: subnet["Properties"]["CidrBlock"]
            for name, subnet in subnets
            if "Isolated" in name
        }

    assert blocks(agnostic, FOUNDATION) == blocks(isolated, ISOLATED)


def test_zones_are_not_looked_up(isolated: Synthesis) -> None:
    manifest = json.loads((isolated.directory / "manifest.json").read_text())
    assert "missing" not in manifest
    subnets = isolated.resources(ISOLATED, "AWS::EC2::Subnet").values()
    zones = [subnet["Properties"]["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets]
    assert sorted(zones) == [0, 1]


def test_jobs_are_reached_by_nobody_but_hosts_of_jobs(agnostic: Synthesis) -> None:
    jobs = "<NetworkJobSecurityGroup21D3477A.GroupId>"
    ingress = agnostic.resources(FOUNDATION, "AWS::EC2::SecurityGroupIngress").values()
    sources = {
        shown(rule["Properties"]["SourceSecurityGroupId"])
        for rule in ingress
        if shown(rule["Properties"]["GroupId"]) == jobs
    }
    assert sources == {jobs}
    (group,) = (
        group
        for name, group in agnostic.resources(FOUNDATION, "AWS::EC2::SecurityGroup").items()
        if name.startswith("NetworkJobSecurityGroup")
    )
    assert "SecurityGroupIngress" not in group["Properties"]


def test_traffic_is_logged_and_the_log_encrypted(agnostic: Synthesis) -> None:
    (log,) = agnostic.resources(FOUNDATION, "AWS::EC2::FlowLog").values()
    (group,) = agnostic.resources(FOUNDATION, "AWS::Logs::LogGroup").values()
    assert log["Properties"]["TrafficType"] == "ALL"
    assert shown(group["Properties"]["KmsKeyId"]) == "<EncryptionKey3A692D6E.Arn>"
    assert group["Properties"]["RetentionInDays"] == 90


def test_exports_are_the_same_whatever_the_pipelines_use(
    agnostic: Synthesis, isolated: Synthesis
) -> None:
    def exported(synthesis: Synthesis, stack: str) -> set[str]:
        return {name.split("Output")[1] for name in synthesis.template(stack)["Outputs"]}

    assert len(exported(isolated, ISOLATED)) == 5
    egress = exported(agnostic, FOUNDATION) - exported(isolated, ISOLATED)
    assert all("EgressSubnet" in name for name in egress)


def test_nothing_is_made_in_place_of_what_was_brought(brought: Synthesis) -> None:
    resources = brought.template(FOUNDATION)["Resources"].values()
    assert [resource["Type"] for resource in resources] == [
        "AWS::CloudFormation::WaitConditionHandle"
    ]


def test_tags_of_the_environment_are_on_its_resources(isolated: Synthesis) -> None:
    assert {"Key": "stage", "Value": "production"} in data_bucket(isolated, ISOLATED)["Tags"]
