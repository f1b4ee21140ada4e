"""What running the steps of a pipeline takes, by the types of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from smp.definition.deploy_values import PARTITION, REGION
from smp.definition.permissions.access import Access
from smp.definition.permissions.emr import emr_statements
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

    Steps of a type that is not known here get nothing.
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
    """Return the types of steps whose permissions are not known here."""
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
        wildcard="Metrics and models lie below the prefix in the definition, by execution.",
    )
    yield Statement("DecryptResults", ["kms:Decrypt"], key_arns(access), through_s3())
