"""What running the steps of a pipeline takes, by the types of its steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smp.definition.deploy_values import ACCOUNT_ID, PARTITION, REGION, SECURITY_GROUP_IDS, SUBNETS
from smp.definition.emr_jobs import EmrJob
from smp.definition.permissions.access import Access
from smp.definition.permissions.lookup_role import (
    NUMBERED,
    group_arns,
    model_statements,
    package_arns,
)
from smp.definition.permissions.statement import (
    Statement,
    key_arns,
    objects,
    regional_arn,
    through_s3,
)
from smp.definition.step_types import KNOWN_TYPES, row_named


def pipeline_statements(access: Access, groups: Sequence[str]) -> Iterator[Statement]:
    """Start jobs, hand them their role, register into the given groups, read results.

    Steps of an unknown type get nothing.
    """
    yield from _jobs(access)
    yield from _registration(groups)
    yield from model_statements(access)
    yield from _results(access)
    yield Statement(
        "PassJobRole",
        ["iam:PassRole"],
        access.roles,
        {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )
    yield Statement(
        "FindBaselines",
        ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
        [*group_arns(access.baseline_groups), *package_arns(access.baseline_groups)]
        if access.baseline_groups
        else [],
        wildcard=NUMBERED,
    )
    yield Statement("CallFunctions", ["lambda:InvokeFunction"], access.functions)
    yield Statement("AskQueues", ["sqs:SendMessage"], [queue_arn(url) for url in access.queues])
    yield from emr_statements(access.emr_jobs)


def queue_arn(url: str) -> str:
    """Return the ARN of the queue with this URL, `https://sqs.REGION.SUFFIX/ACCOUNT/NAME`."""
    host, account, name = url.removeprefix("https://sqs.").split("/")
    region = REGION if host.startswith(REGION) else host.partition(".")[0]
    return f"arn:{PARTITION}:sqs:{region}:{account}:{name}"


def unknown_step_types(access: Access) -> tuple[str, ...]:
    """Return the types of steps whose permissions are unknown."""
    return tuple(sorted(access.step_types.difference(KNOWN_TYPES)))


def _jobs(access: Access) -> Iterator[Statement]:
    calls = {row.call for row in map(row_named, access.step_types) if row.call}
    for call in sorted(calls, key=lambda call: call.resource):
        if call.name_member is None:
            continue
        name = "".join(part.title() for part in call.resource.split("-"))
        yield Statement(
            f"Run{name}s",
            call.actions,
            [regional_arn("sagemaker", f"{call.resource}/{call.names}")],
            wildcard="Each execution names its jobs and models anew.",
        )


def _registration(groups: Sequence[str]) -> Iterator[Statement]:
    """Add versions to the pipeline's own groups."""
    yield Statement(
        "RegisterModels",
        [
            "sagemaker:AddTags",
            "sagemaker:CreateModelPackage",
            "sagemaker:DescribeModelPackage",
            "sagemaker:DescribeModelPackageGroup",
        ],
        [*group_arns(groups), *package_arns(groups)],
        wildcard=NUMBERED,
    )


def _results(access: Access) -> Iterator[Statement]:
    if not access.reads_results:
        return
    yield Statement(
        "ReadResults",
        ["s3:GetObject"],
        objects((*access.supplied, *access.writes)),
        wildcard="Metrics and models are below the prefix in the definition, by execution.",
    )
    yield Statement("DecryptResults", ["kms:Decrypt"], key_arns(access), through_s3())


SERVICE = "emr-serverless"
LINKED_SERVICE = "ops.emr-serverless.amazonaws.com"
EVERY_APPLICATION = "/applications/*"
MADE = "The id of an application that a step creates is not known before."
JOB_RUNS = "EMR Serverless gives each run of a job a new id."


def emr_statements(jobs: Iterable[EmrJob]) -> Iterator[Statement]:
    """Start, follow and stop jobs in these applications, and make and delete one where a step does."""
    jobs = tuple(jobs)
    made = [job for job in jobs if job.application_id is None]
    applications = sorted({_application(job) for job in jobs})
    runs = [f"{application}/jobruns/*" for application in applications]
    yield Statement(
        "StartEmrJobs",
        [f"{SERVICE}:GetApplication", f"{SERVICE}:StartJobRun"],
        applications,
        wildcard=MADE if made else None,
    )
    yield Statement(
        "FollowEmrJobs",
        [f"{SERVICE}:CancelJobRun", f"{SERVICE}:GetJobRun"],
        runs,
        wildcard=JOB_RUNS,
    )
    tagged = sorted({_application(job) for job in jobs if job.is_tagged})
    yield Statement(
        "TagEmrJobs",
        [f"{SERVICE}:TagResource"],
        [f"{application}/jobruns/*" for application in tagged],
        wildcard=JOB_RUNS,
    )
    yield Statement(
        "PassEmrRoles",
        ["iam:PassRole"],
        sorted({job.role for job in jobs}),
        {"StringEquals": {"iam:PassedToService": f"{SERVICE}.amazonaws.com"}},
    )
    if made:
        yield from _application_statements()


def _application(job: EmrJob) -> str:
    place = f"/applications/{job.application_id}" if job.application_id else EVERY_APPLICATION
    return regional_arn(SERVICE, place)


def _application_statements() -> Iterator[Statement]:
    """Make an application in the pipeline's network, and delete it, which it must be stopped for."""
    yield Statement(
        "MakeEmrApplications",
        [f"{SERVICE}:CreateApplication", f"{SERVICE}:TagResource"],
        [regional_arn(SERVICE, "/*")],
        wildcard=MADE,
    )
    yield Statement(
        "DeleteEmrApplications",
        [f"{SERVICE}:{verb}Application" for verb in ("Delete", "Start", "Stop")],
        [regional_arn(SERVICE, EVERY_APPLICATION)],
        wildcard=MADE,
    )
    yield Statement(
        "ConnectEmrApplications",
        ["ec2:CreateNetworkInterface"],
        [
            regional_arn("ec2", "network-interface/*"),
            regional_arn("ec2", f"subnet/{SUBNETS}"),
            regional_arn("ec2", f"security-group/{SECURITY_GROUP_IDS}"),
        ],
        {"StringEquals": {"aws:CalledViaLast": LINKED_SERVICE}},
        wildcard="EMR Serverless creates the interfaces of an application; their ids are not known "
        "before.",
    )
    yield Statement(
        "CreateEmrServiceRole",
        ["iam:CreateServiceLinkedRole"],
        [
            f"arn:{PARTITION}:iam::{ACCOUNT_ID}:role/aws-service-role/{LINKED_SERVICE}/"
            "AWSServiceRoleForAmazonEMRServerless"
        ],
        {"StringEquals": {"iam:AWSServiceName": LINKED_SERVICE}},
    )
