"""What the stack of a deployed pipeline says that the pipeline does not: which role its jobs were given."""

from __future__ import annotations

from collections.abc import Mapping

from botocore.exceptions import ClientError

from smp.aws.faults import fault, is_denied, is_missing
from smp.aws.session import Session, client
from smp.definition.functions import Function

STACK_TAG = "aws:cloudformation:stack-name"
"""CloudFormation puts it on each resource that takes tags."""

JOB_ROLE = "JobRole"
"""Part of the logical id of the role that the construct makes for the jobs."""


def job_role_name(session: Session, tags: Mapping[str, str]) -> str | None:
    """Return the name of the job role in the stack that a pipeline's tags name.

    None where the pipeline is of no stack, its stack made no job role, or may not be read.
    """
    return _physical_name(session, tags, "AWS::IAM::Role", JOB_ROLE)


def function_name(session: Session, tags: Mapping[str, str], function: Function) -> str | None:
    """Return the name that the stack gave to a function of this project; None if it has none."""
    return _physical_name(session, tags, "AWS::Lambda::Function", function.construct_id)


def _physical_name(session: Session, tags: Mapping[str, str], kind: str, part: str) -> str | None:
    """Return the one resource of a type whose logical id has that part, in the stack that tags name."""
    stack = tags.get(STACK_TAG)
    if stack is None:
        return None
    try:
        pages = client(session, "cloudformation").get_paginator("list_stack_resources")
        listed = [
            r for page in pages.paginate(StackName=stack) for r in page["StackResourceSummaries"]
        ]
    except ClientError as error:
        if is_denied(error) or is_missing(error):
            return None
        raise fault(error, f"list the resources of stack {stack}") from error
    names = [
        str(resource.get("PhysicalResourceId"))
        for resource in listed
        if resource["ResourceType"] == kind and part in resource["LogicalResourceId"]
    ]
    return names[0] if len(names) == 1 else None
