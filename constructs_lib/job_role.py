"""The role that the jobs of one pipeline assume."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from constructs_lib.image_mapping import ImageMapping
from constructs_lib.job_environment import JobEnvironment
from constructs_lib.role_policy import RolePolicy, Statement
from smp.compiler.access import Access
from smp.compiler.compiled import CODE_PREFIX

LOG_GROUPS = {
    "Processing": "/aws/sagemaker/ProcessingJobs",
    "ClarifyCheck": "/aws/sagemaker/ProcessingJobs",
    "QualityCheck": "/aws/sagemaker/ProcessingJobs",
    "Training": "/aws/sagemaker/TrainingJobs",
    "Tuning": "/aws/sagemaker/TrainingJobs",
    "Transform": "/aws/sagemaker/TransformJobs",
}
"""Where each kind of job writes its log, by step type; a step type without jobs has none."""

ECR_IMAGE = re.compile(
    r"(?P<account>[^./]+)\.dkr\.ecr\.(?P<region>[^./]+)\.amazonaws\.com(?:\.cn)?"
    r"/(?P<repository>[^:@]+)"
)
NAMED_IMAGE = re.compile(r"\$\{smp:image\.(?P<name>[^}]+)\}")


class JobRole(Construct):
    """What the jobs of a pipeline need: its data, its images, its logs, the key, the network."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        pipeline_name: str,
        access: Access,
        environment: JobEnvironment,
        subnet_ids: Sequence[str],
        images: ImageMapping,
        resolve: Callable[[str], str],
    ) -> None:
        """`resolve` puts deploy-time values into a text of the definition."""
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        self.role = iam.Role(
            self,
            "Role",
            description=f"Jobs of pipeline {pipeline_name}"[:1000],
            assumed_by=iam.ServicePrincipal(
                "sagemaker.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
        )
        statements = [
            *_lists(access, resolve, stack.partition),
            *_keys(access, environment, resolve, stack),
            *_images(access, images, resolve, stack),
            *_logs(access, stack),
        ]
        if access.uses_network:
            statements += _network(stack, subnet_ids, environment.security_group_ids)
        data = RolePolicy(
            self,
            "DataPolicy",
            role=self.role,
            description=f"Data of the jobs of pipeline {pipeline_name}"[:1000],
            statements=_data(access, resolve, stack.partition),
        )
        runtime = RolePolicy(
            self,
            "RuntimePolicy",
            role=self.role,
            description=f"Keys, images, logs and network of the jobs of {pipeline_name}"[:1000],
            statements=statements,
        )
        self.policies = (data.resource, runtime.resource)
        """What must be there before the role is used."""


def _data(access: Access, resolve: Callable[[str], str], partition: str) -> Iterator[Statement]:
    """Read what the definition names, read and write where it writes."""

    def objects(uris: Iterable[str]) -> list[str]:
        return [f"arn:{partition}:s3:::{resolve(uri).removeprefix('s3://')}*" for uri in uris]

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
        wildcard="Results lie below the prefix in the definition, one directory an execution.",
    )


def _lists(access: Access, resolve: Callable[[str], str], partition: str) -> Iterator[Statement]:
    """List the same prefixes; those of code trees, whose names are hashes, together."""
    prefixes: dict[str, set[str]] = {}
    for uri in (*access.reads, *access.writes):
        bucket, _, prefix = resolve(uri).removeprefix("s3://").partition("/")
        code = prefix.startswith(f"{CODE_PREFIX}/")
        prefixes.setdefault(bucket, set()).add(f"{CODE_PREFIX}/*" if code else f"{prefix}*")
    for number, (bucket, listed) in enumerate(prefixes.items(), start=1):
        yield Statement(
            f"ListData{number}",
            ["s3:ListBucket"],
            [f"arn:{partition}:s3:::{bucket}"],
            {"StringLike": {"s3:prefix": sorted(listed)}},
        )


def _keys(
    access: Access, environment: JobEnvironment, resolve: Callable[[str], str], stack: cdk.Stack
) -> Iterator[Statement]:
    """Use the key for data through S3, and lend it to the volumes of the jobs' machines."""
    keys = sorted({environment.key.key_arn, *(resolve(key) for key in access.kms_keys)})
    yield Statement(
        "EncryptData",
        ["kms:Decrypt", "kms:GenerateDataKey"],
        keys,
        {"StringEquals": {"kms:ViaService": f"s3.{stack.region}.{stack.url_suffix}"}},
    )
    yield Statement(
        "EncryptVolumes",
        ["kms:CreateGrant"],
        keys,
        {"Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    yield Statement("DescribeKeys", ["kms:DescribeKey"], keys)


def _images(
    access: Access, images: ImageMapping, resolve: Callable[[str], str], stack: cdk.Stack
) -> Iterator[Statement]:
    """Pull what the definition names; an image outside ECR needs no permission."""
    repositories = []
    for image in access.images:
        by_region = NAMED_IMAGE.fullmatch(image)
        match = ECR_IMAGE.match(image)
        if by_region:
            repositories.append(images.repository_arn(by_region["name"]))
        elif match:
            place = f"{resolve(match['region'])}:{resolve(match['account'])}"
            repositories.append(
                f"arn:{stack.partition}:ecr:{place}:repository/{resolve(match['repository'])}"
            )
    yield Statement(
        "PullImages",
        ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        sorted(set(repositories)),
    )
    yield Statement(
        "LogInToRegistry",
        ["ecr:GetAuthorizationToken"],
        ["*"] if repositories else [],
        wildcard="ecr:GetAuthorizationToken takes no resource (ECR service authorization reference).",
    )


def _logs(access: Access, stack: cdk.Stack) -> Iterator[Statement]:
    groups = sorted({LOG_GROUPS[kind] for kind in access.step_types if kind in LOG_GROUPS})
    arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:"
    yield Statement(
        "WriteLogs",
        [
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
        ],
        [f"{arn}{group}{rest}" for group in groups for rest in ("", ":log-stream:*")],
        wildcard="The service names a log stream after the job and the host that write it.",
    )
    yield Statement(
        "PublishMetrics",
        ["cloudwatch:PutMetricData"],
        ["*"] if groups else [],
        {"StringEquals": {"cloudwatch:namespace": groups}},
        wildcard="cloudwatch:PutMetricData takes no resource; the namespaces are named instead.",
    )


def _network(
    stack: cdk.Stack, subnet_ids: Sequence[str], security_group_ids: Sequence[str]
) -> Iterator[Statement]:
    """Put network interfaces of jobs into the given subnets, and no others."""
    ec2 = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}"
    interfaces = f"{ec2}:network-interface/*"
    subnets = [f"{ec2}:subnet/{subnet}" for subnet in subnet_ids]
    of_a_job = (
        "The service creates an interface for each host of a job; its id is not known before."
    )
    yield Statement(
        "CreateInterfaces",
        ["ec2:CreateNetworkInterface"],
        [
            interfaces,
            *subnets,
            *(f"{ec2}:security-group/{group}" for group in security_group_ids),
        ],
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
        {"ArnEquals": {"ec2:Subnet": subnets}},
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
