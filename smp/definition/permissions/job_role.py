"""What the jobs of a pipeline may do: its data, its images, its logs, the key, the network."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from smp.definition.compiled import CODE_PREFIX
from smp.definition.deploy_values import (
    PARTITION,
    REGION,
    SECURITY_GROUP_IDS,
    SUBNETS,
    image_account,
)
from smp.definition.permissions.access import Access
from smp.definition.permissions.statement import (
    Statement,
    key_arns,
    matching,
    objects,
    regional_arn,
    through_s3,
)
from smp.definition.step_types import JOB_NAMES, row_named

ECR_IMAGE = re.compile(
    r"(?P<account>[^./]+)\.dkr\.ecr\.(?P<region>[^./]+)\.amazonaws\.com(?:\.cn)?"
    r"/(?P<repository>[^:@]+)"
)
CLARIFY_NAMES = "sm-clarify-*"
"""SageMaker Clarify begins the names of endpoints that it makes, and of their configurations, so."""
NAMED_IMAGE = re.compile(r"\$\{smp:image\.(?P<name>[^}]+)\}")

Images = Mapping[str, Mapping[str, str]]
"""The address of each named image by region."""


def data_statements(access: Access) -> Iterator[Statement]:
    """Read what the definition names, read and write where it writes."""
    yield Statement(
        "ReadData",
        ["s3:GetObject"],
        objects(access.reads),
        wildcard="SageMaker reads every object whose key begins with the prefix in the definition.",
    )
    yield Statement(
        "WriteResults",
        ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
        objects(access.writes),
        wildcard="Results are below the prefix in the definition, one directory an execution.",
    )


def runtime_statements(access: Access, images: Images) -> Iterator[Statement]:
    """Everything but the data itself: lists, keys, images, logs, the network."""
    yield from _lists(access)
    yield from _keys(access)
    yield from _images(access, images)
    yield from _logs(access)
    if access.invokes_endpoint:
        yield from _endpoints()
    if access.uses_network:
        yield from _network()


def _lists(access: Access) -> Iterator[Statement]:
    """List the same prefixes; those of code trees, whose names are hashes, together."""
    prefixes: dict[str, set[str]] = {}
    for uri in (*access.reads, *access.writes):
        for pattern in matching([uri.removeprefix("s3://")]):
            bucket, _, prefix = pattern.partition("/")
            code = prefix.startswith(f"{CODE_PREFIX}/")
            prefixes.setdefault(bucket, set()).add(f"{CODE_PREFIX}/*" if code else prefix)
    for number, (bucket, patterns) in enumerate(prefixes.items(), start=1):
        yield Statement(
            f"ListData{number}",
            ["s3:ListBucket"],
            [f"arn:{PARTITION}:s3:::{bucket}"],
            {"StringLike": {"s3:prefix": sorted(patterns)}},
        )


def _keys(access: Access) -> Iterator[Statement]:
    """Use the key for data through S3, and lend it to the volumes of the jobs' machines."""
    keys = key_arns(access)
    yield Statement("EncryptData", ["kms:Decrypt", "kms:GenerateDataKey"], keys, through_s3())
    yield Statement(
        "EncryptVolumes",
        ["kms:CreateGrant"],
        keys,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    yield Statement("DescribeKeys", ["kms:DescribeKey"], keys)


def _images(access: Access, images: Images) -> Iterator[Statement]:
    """Pull what the definition names; an image outside ECR needs no permission."""
    repositories = set()
    for image in access.images:
        named = NAMED_IMAGE.fullmatch(image)
        match = ECR_IMAGE.match(image)
        if named:
            _, _, path = next(iter(images[named["name"]].values())).partition("/")
            place = f"{REGION}:{image_account(named['name'])}"
            repositories.add(f"arn:{PARTITION}:ecr:{place}:repository/{path.partition(':')[0]}")
        elif match:
            place = f"{match['region']}:{match['account']}"
            repositories.add(f"arn:{PARTITION}:ecr:{place}:repository/{match['repository']}")
    yield Statement(
        "PullImages",
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        sorted(repositories),
    )
    yield Statement(
        "LogInToRegistry",
        ["ecr:GetAuthorizationToken"],
        ["*"] if repositories else [],
        wildcard="ecr:GetAuthorizationToken has no resource (ECR service authorization reference).",
    )


def _logs(access: Access) -> Iterator[Statement]:
    calls = [row.call for row in map(row_named, access.step_types) if row.call]
    groups = sorted({call.log_group for call in calls if call.log_group})
    yield Statement(
        "WriteLogs",
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        [
            regional_arn("logs", f"log-group:{group}{rest}")
            for group in groups
            for rest in ("", ":log-stream:*")
        ],
        wildcard="The service names a log stream after the job and the host that write it.",
    )
    yield Statement(
        "PublishMetrics",
        ["cloudwatch:PutMetricData"],
        ["*"] if groups else [],
        {"StringEquals": {"cloudwatch:namespace": groups}},
        wildcard="cloudwatch:PutMetricData has no resource; the namespaces are named instead.",
    )


def _endpoints() -> Iterator[Statement]:
    """Make an endpoint of a model that the pipeline made, ask it, and delete it."""
    kinds = ("endpoint", "endpoint-config")
    yield Statement(
        "AskModels",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateEndpoint",
            "sagemaker:CreateEndpointConfig",
            "sagemaker:DeleteEndpoint",
            "sagemaker:DeleteEndpointConfig",
            "sagemaker:DescribeEndpoint",
            "sagemaker:DescribeEndpointConfig",
            "sagemaker:InvokeEndpoint",
        ],
        [regional_arn("sagemaker", f"{kind}/{CLARIFY_NAMES}") for kind in kinds],
        wildcard="SageMaker Clarify names the endpoint of each job anew, after its own prefix.",
    )
    yield Statement(
        "DescribeModels",
        ["sagemaker:DescribeModel"],
        [regional_arn("sagemaker", f"model/{JOB_NAMES}")],
        wildcard="Each execution names its models anew.",
    )


def _network() -> Iterator[Statement]:
    """Put network interfaces of jobs into the given subnets, and no others."""
    interfaces = regional_arn("ec2", "network-interface/*")
    subnets = regional_arn("ec2", f"subnet/{SUBNETS}")
    of_a_job = (
        "The service creates an interface for each host of a job; its id is not known before."
    )
    yield Statement(
        "CreateInterfaces",
        ["ec2:CreateNetworkInterface"],
        [interfaces, subnets, regional_arn("ec2", f"security-group/{SECURITY_GROUP_IDS}")],
        wildcard=of_a_job,
    )
    yield Statement(
        "ManageInterfaces",
        [
            "ec2:CreateNetworkInterfacePermission",
            "ec2:DeleteNetworkInterface",
            "ec2:DeleteNetworkInterfacePermission",
        ],
        [interfaces],
        {"ArnEquals": {"ec2:Subnet": [subnets]}},
        wildcard=of_a_job,
    )
    yield Statement(
        "DescribeNetwork",
        [
            "ec2:DescribeDhcpOptions",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
        ["*"],
        wildcard="Describe actions of EC2 take no resource (EC2 service authorization reference).",
    )
