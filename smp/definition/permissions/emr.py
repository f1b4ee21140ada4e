"""What the jobs of a pipeline on EMR Serverless take: of the role that runs the pipeline.

What a job itself may do is up to the execution role that the configuration names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smp.definition.deploy_values import ACCOUNT_ID, PARTITION, SECURITY_GROUP_IDS, SUBNETS
from smp.definition.emr_jobs import EmrJob
from smp.definition.permissions.statement import Statement, regional_arn

SERVICE = "emr-serverless"
LINKED_SERVICE = "ops.emr-serverless.amazonaws.com"
EVERY_APPLICATION = "/applications/*"
MADE = "An application that a step makes has an id that nobody knows before."
JOB_RUNS = "EMR Serverless gives each run of a job an id of its own."


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
