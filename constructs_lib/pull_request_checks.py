"""Checks of pull requests, in two kinds of builds so that no file of one meets a right worth having.

It never deploys, and never lets a repository choose what a build runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from constructs_lib.pull_request_builds import BuildNetwork, BuildPlace, PullRequestBuild
from constructs_lib.pull_request_gateway import ConnectedRepository, PullRequestGateway
from smp.definition.permissions.statement import Statement

MAX_SECONDARY_SOURCES = 12
"""Most secondary sources of a CodeBuild project (CodeBuild API, CreateProject)."""

APP = "app"


@dataclass(frozen=True)
class ReviewTarget:
    """The environment whose deployed pipelines a change is compared with."""

    role_arn: str
    region: str
    environment: str
    """Its name in the settings: configs may use another name for it (`conf.environments`)."""


class PullRequestChecks(Construct):
    """A door for each repository, and the builds behind all doors: `Review` and `SmokeRun`.

    The door has the connection and runs nothing of the pull request. The builds behind it run it and
    have no connection: `Review` may read what is deployed, `SmokeRun` nothing but its own input.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        app: ConnectedRepository,
        models: Mapping[str, ConnectedRepository],
        allowed_actors: Sequence[str],
        handover: s3.IBucket,
        key: kms.IKey,
        review: ReviewTarget,
        review_role_name: str,
        smoke_run: bool = True,
        timeout_minutes: int = 60,
        concurrent_builds: int = 2,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_YEAR,
        network: BuildNetwork | None = None,
    ) -> None:
        """`review_role_name` is the physical name of the role that `review.role_arn` trusts."""
        super().__init__(scope, construct_id)
        log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=key,
            retention=log_retention,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self._place = BuildPlace(
            handover, key, log_group, timeout_minutes, concurrent_builds, network
        )
        self.builds = [self._review(review, review_role_name)]
        if smoke_run:
            self.builds.append(self._smoke_run())
        repositories = {APP: app, **models}
        self.doors = {
            name: PullRequestGateway(
                self,
                f"Door-{name}",
                name=name,
                repository=repository,
                others=_others(name, repositories),
                builds=self.builds,
                allowed_actors=allowed_actors,
                place=self._place,
            )
            for name, repository in repositories.items()
        }

    def _review(self, target: ReviewTarget, role_name: str) -> PullRequestBuild:
        return PullRequestBuild(
            self,
            "Review",
            description="Pull requests: validate, test the configs, compare with what is deployed",
            command='make pull-request-review MODEL="$MODEL" BASE=deployed '
            'AWS_OPTIONS="--environment $REVIEW_ENVIRONMENT --region $REVIEW_REGION'
            ' --assume-role $REVIEW_ROLE"\n',
            place=self._place,
            role_name=role_name,
            variables={
                "REVIEW_ENVIRONMENT": target.environment,
                "REVIEW_REGION": target.region,
                "REVIEW_ROLE": target.role_arn,
            },
            statements=[Statement("TakeReviewRole", ["sts:AssumeRole"], [target.role_arn])],
        )

    def _smoke_run(self) -> PullRequestBuild:
        return PullRequestBuild(
            self,
            "SmokeRun",
            description="Pull requests: run the pipelines concerned on the build machine",
            command='make smoke-run MODEL="$MODEL"\n',
            place=self._place,
        )


def _others(
    name: str, repositories: Mapping[str, ConnectedRepository]
) -> dict[str, ConnectedRepository]:
    """Return what is checked out with a repository: all others, or only the app if they are many."""
    others = {other: found for other, found in repositories.items() if other != name}
    if len(others) <= MAX_SECONDARY_SOURCES:
        return others
    return {APP: repositories[APP]} if name != APP else {}
