"""Roles that belong to another account than the one that an environment is deployed to.

SageMaker passes a role only to jobs in the role's account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from smp.config.project import Pipeline
from smp.errors import Location, Problem
from smp.graph import PipelineGraph
from stacks.context import CDK_JSON, SETTINGS_KEY

ROLE_ARN = re.compile(r"arn:[a-z-]+:iam::(?P<account>[0-9]{12}):role/")
HINT = (
    "SageMaker passes jobs only roles of the same account: name one, or remove the key to have "
    "a role created"
)


def cross_account_roles(
    environment: str,
    account: str | None,
    job_role_arn: str | None,
    graphs: Iterable[PipelineGraph],
) -> Iterator[Problem]:
    """Yield each role that jobs could not be given in this environment.

    If its account is not known, that of its `jobRoleArn` counts, else that of the first role that
    a configuration names: at most one of two accounts can be the right one.
    """
    path = f"context.{SETTINGS_KEY}.environments.{environment}"
    known, why = account, f"the account of environment '{environment}'"
    own = _account_of(job_role_arn)
    if known is None and own is not None:
        known, why = own, f"the account of {path}.jobRoleArn"
    elif own not in (None, known):
        place = f"{path}.jobRoleArn"
        yield _stranger("jobRoleArn", Location(CDK_JSON), place, job_role_arn, f"{known}, {why}")
    for graph in graphs:
        pipeline = graph.pipeline
        found = _account_of(pipeline.network.role)
        if found is None:
            continue
        if known is None:
            known, why = found, f"the account of the role of pipeline '{graph.name}'"
        elif found != known:
            yield _of_pipeline(pipeline, f"{known}, {why}")


def _of_pipeline(pipeline: Pipeline, allowed: str) -> Problem:
    keys = ("sagemakerNetworkSecurity", "role")
    return _stranger(
        f"pipeline '{pipeline.config.pipeline_name}'",
        pipeline.locate(*keys),
        ".".join(("conf", *keys)),
        pipeline.network.role,
        allowed,
    )


def _stranger(what: str, location: Location, path: str, found: str | None, allowed: str) -> Problem:
    reason = f"{what}: the role is of another account"
    return Problem(reason, location, path, found, f"a role of account {allowed}", HINT)


def _account_of(arn: str | None) -> str | None:
    match = ROLE_ARN.match(arn or "")
    return match["account"] if match else None
